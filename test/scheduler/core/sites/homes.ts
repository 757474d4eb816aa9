// Nodes that connect from somewhere, as OpenVPN servers would tell of them.

import { instant, nodeId, siteId } from '../../../../scheduler/core/index.ts';
import type { Decision, TunnelSeen } from '../../../../scheduler/core/index.ts';
import type { NodeRecord, SiteRecord } from '../../../../scheduler/core/state.ts';
import { CoreHarness } from '../harness.ts';

export const minuteMs = 60_000;

interface Tunnel {
  address: string;
  connection: number;
  sinceMs: number;
  upBytes: number;
  downBytes: number;
}

export class Homes extends CoreHarness {
  readonly #tunnels = new Map<string, Tunnel>();

  /** Enrols a node, with a token that names a site or none, and connects it from an address. */
  come(name: string, address: string, site?: string): void {
    if (site !== undefined && !this.state.siteById.has(siteId(site))) this.setSite(site, 10e6, 1e6);
    this.token(`token of ${name}`, site === undefined ? {} : { site });
    this.enrol(name, `token of ${name}`);
    this.speak(name, { held: [] });
    this.connect(name, address);
    this.see();
  }

  /** From now on it connects from there. */
  connect(name: string, address: string): void {
    const connection = (this.#tunnels.get(name)?.connection ?? 0) + 1;
    this.#tunnels.set(name, {
      ...{ address, connection, sinceMs: this.nowMs, upBytes: 0, downBytes: 0 },
    });
  }

  /** Its owner says the word of a household, or takes it back. */
  dwell(name: string, household: string | null): void {
    const node = this.state.nodes.find((other) => other.name === name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    const { household: _, ...inventory } = node.inventory;
    const said = household === null ? inventory : { ...inventory, household };
    this.speak(name, { inventory: said });
    this.see();
  }

  disconnect(name: string): void {
    this.#tunnels.delete(name);
  }

  /** Its tunnel carries so much. */
  carry(name: string, bytes: { readonly up: number; readonly down: number }): void {
    const tunnel = this.#tunnels.get(name);
    if (tunnel === undefined) throw new Error(`${name} is not connected`);
    tunnel.upBytes += bytes.up;
    tunnel.downBytes += bytes.down;
  }

  /** The scheduler looks at all tunnels. */
  see(): Decision {
    const tunnels = [...this.#tunnels].map(([name, tunnel]): TunnelSeen => {
      const { address, connection, sinceMs, upBytes, downBytes } = tunnel;
      const counts = { upBytes, downBytes, connection: String(connection) };
      return { ...counts, nodeId: nodeId(name), since: instant(sinceMs), natGroup: address };
    });
    return this.give({ kind: 'tunnelsSeen', slice: 1, tunnels });
  }

  /** So many minutes go by, and it looks each minute. */
  minutes(count: number): void {
    for (let minute = 0; minute < count; minute += 1) {
      this.nowMs += minuteMs;
      this.see();
    }
  }

  say(name: string, site: string | null): Decision['answer'] {
    const at = site === null ? null : siteId(site);
    return this.give({ kind: 'setNodeSite', nodeId: nodeId(name), siteId: at }).answer;
  }

  /** Where each node is and why: "pi1 home-pi1 nat". */
  get places(): readonly string[] {
    return this.state.nodes.map(
      (node) => `${node.name} ${this.siteOf(node).siteId} ${node.sitedBy}`,
    );
  }

  siteOf({ siteNumber }: NodeRecord): SiteRecord {
    const site = this.state.sites[siteNumber];
    if (site === undefined) throw new Error(`there is no site ${siteNumber}`);
    return site;
  }
}

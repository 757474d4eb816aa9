// Tells the core who is connected by which tunnel, as the OpenVPN servers of the federation know it, and
// ends tunnels. A server that is away is looked for again and again.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseClients } from '#openvpn-status-parser';
import type { OpenVpnClient } from '#openvpn-status-parser';
import type { NodeId, TunnelSeen, TunnelsSeen } from '../../core/index.ts';
import type { Tunnels } from '../../ports.ts';
import type { AddressBook } from './address-book.ts';
import { Management } from './management.ts';
import type { NatGroups } from './nat-groups.ts';
import { tunnelOf } from './tunnel-of.ts';

export interface TunnelServer {
  /** Its slice of the federation's /48: what tells servers apart. */
  readonly slice: number;
  /** Its management socket. */
  readonly socket: string;
}

export interface TunnelsOptions {
  readonly servers: readonly TunnelServer[];
  readonly natGroups: Pick<NatGroups, 'of'>;
  readonly addressBook: Pick<AddressBook, 'note' | 'erase'>;
  readonly submit: (command: TunnelsSeen) => void;
  readonly isRevoked: (nodeId: NodeId) => boolean;
  readonly nowUnixMs: () => number;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  /** Between two looks, and between two tries while a server is away. */
  readonly everyMs?: number;
  readonly retryMs?: number;
}

const usualEveryMs = 15_000;
const usualRetryMs = 2_000;
/** Names that certificates of nodes have: what is put into a command must be one. */
const safeName = /^[A-Za-z0-9_-]{1,64}$/;

export class OpenVpnTunnels implements Tunnels {
  readonly #options: TunnelsOptions;
  readonly #stopping = new AbortController();
  readonly #connections = new Map<number, Management>();
  /** Slices of servers that are known to be away. */
  readonly #away = new Set<number>();
  readonly #watches: Promise<void>[] = [];

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  start(): void {
    for (const server of this.#options.servers) this.#watches.push(this.#watch(server));
  }

  async end(id: NodeId): Promise<void> {
    // A server that is away is told at the first look after it is back.
    const asked = [...this.#connections.values()].map((each) => this.#kill(each, id));
    await Promise.all(asked);
    // The last: on a full disk it fails.
    this.#options.addressBook.erase(id, this.#options.nowUnixMs());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const connection of this.#connections.values()) await connection.close();
    await Promise.all(this.#watches);
  }

  async #watch(server: TunnelServer): Promise<void> {
    const { retryMs = usualRetryMs, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#look(server, await Management.open(server.socket));
      } catch (error) {
        const isNews = !this.#away.has(server.slice) && !this.#stopping.signal.aborted;
        if (isNews) log('an OpenVPN server is away', { ...server, error: wordsOf(error) });
        this.#away.add(server.slice);
      }
      await this.#rest(retryMs);
    }
  }

  /** Looks again and again, until the connection ends or a status can't be read. */
  async #look(server: TunnelServer, connection: Management): Promise<void> {
    const { everyMs = usualEveryMs, log } = this.#options;
    this.#connections.set(server.slice, connection);
    try {
      while (!this.#stopping.signal.aborted) {
        await this.#take(server, connection);
        // One whose status can't be read is as good as away.
        if (this.#away.delete(server.slice)) log('an OpenVPN server is back', { ...server });
        await Promise.race([this.#rest(everyMs), connection.closed]);
      }
    } finally {
      this.#connections.delete(server.slice);
      await connection.close();
    }
  }

  async #take({ slice }: TunnelServer, connection: Management): Promise<void> {
    const { submit, isRevoked } = this.#options;
    const clients = parseClients(await connection.ask('status 3'));
    const tunnels = clients.flatMap((client) => this.#tunnelOf(client) ?? []);
    const revoked = new Set(tunnels.map((tunnel) => tunnel.nodeId).filter(isRevoked));
    for (const id of revoked) await this.#kill(connection, id);
    submit({
      ...{ kind: 'tunnelsSeen', slice },
      tunnels: tunnels.filter((tunnel) => !revoked.has(tunnel.nodeId)),
    });
  }

  #tunnelOf(client: OpenVpnClient): TunnelSeen | undefined {
    const { addressBook, natGroups, isRevoked, nowUnixMs } = this.#options;
    const tunnel = tunnelOf(client, natGroups);
    if (tunnel !== undefined && !isRevoked(tunnel.nodeId)) {
      addressBook.note(tunnel.nodeId, client.realAddress.address, nowUnixMs());
    }
    return tunnel;
  }

  /** Never rejects: what fails is done at the next look. */
  async #kill(connection: Management, id: NodeId): Promise<void> {
    const { log } = this.#options;
    if (!safeName.test(id)) return;
    try {
      const answer = await connection.ask(`kill ${id}`);
      const isDone = answer.startsWith('SUCCESS');
      if (isDone) log('the tunnel of a revoked node was ended', { node: id });
    } catch (error) {
      log('a tunnel could not be ended yet', { node: id, error: wordsOf(error) });
    }
  }

  async #rest(spanMs: number): Promise<void> {
    const { signal } = this.#stopping;
    await sleep(spanMs, undefined, { signal }).catch(() => undefined);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

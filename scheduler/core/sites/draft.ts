// Places that are being decided, over those that the state has: nodes that come at once are judged by
// what was decided of those before them.

import type { Fact } from '../facts.ts';
import { guessedSite } from './guessed-site.ts';
import * as limits from '../limits.ts';
import type { Instant, SiteId } from '../model/ids.ts';
import { siteId } from '../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Siting } from './siting.ts';
import { ownSiteName } from './siting.ts';

export class Draft {
  readonly #state: State;
  readonly #now: Instant;
  readonly #changed = new Map<number, Siting>();
  /** Nodes that have come to a group. */
  readonly #came = new Map<string, Set<number>>();
  readonly #newSites: SiteId[] = [];

  constructor(state: State, now: Instant) {
    this.#state = state;
    this.#now = now;
  }

  of(node: NodeRecord): Siting {
    return this.#changed.get(node.number) ?? node;
  }

  set(node: NodeRecord, changes: Partial<Siting>): void {
    const { siteNumber, sitedBy, natGroup, natGroupSince, lan } = this.of(node);
    const before = { siteNumber, sitedBy, natGroup, natGroupSince, lan };
    if (changes.natGroup === undefined) {
      this.#changed.set(node.number, { ...before, ...changes });
      return;
    }
    // What was proved was of the place before.
    this.#changed.set(node.number, { ...before, lan: null, ...changes });
    const came = this.#came.get(changes.natGroup) ?? new Set();
    this.#came.set(changes.natGroup, came.add(node.number));
  }

  /** Nodes behind this address, those first that have been there the longest. */
  membersOf(natGroup: string): readonly NodeRecord[] {
    const numbers = new Set(this.#state.natGroups.get(natGroup));
    for (const number of this.#came.get(natGroup) ?? []) numbers.add(number);
    const members = [...numbers].map((number) => this.#node(number));
    return members
      .filter((node) => this.of(node).natGroup === natGroup && node.health !== 'revoked')
      .sort((a, b) => this.of(a).natGroupSince - this.of(b).natGroupSince || a.number - b.number);
  }

  /** A site of the node's own, which may have to be made; null: there can be no more. */
  ownSite(node: NodeRecord): number | null {
    for (let number = 1; number <= limits.ownSitesOfNode; number += 1) {
      const own = ownSiteName(node.nodeId);
      const name = number === 1 ? own : siteId(`${own}-${number}`);
      const known = this.#state.siteById.get(name);
      if (known === undefined) return this.#make(name);
      if (this.#isFree(known, node)) return known.number;
    }
    return null;
  }

  #make(name: SiteId): number | null {
    const made = this.#newSites.indexOf(name);
    if (made >= 0) return this.#state.sites.length + made;
    if (this.#state.sites.length + this.#newSites.length >= limits.sites) return null;
    this.#newSites.push(name);
    return this.#state.sites.length + this.#newSites.length - 1;
  }

  /** Nobody else is there, or has just been put there. */
  #isFree({ number: siteNumber, nodeNumbers }: SiteRecord, node: NodeRecord): boolean {
    for (const [number, siting] of this.#changed) {
      if (number !== node.number && siting.siteNumber === siteNumber) return false;
    }
    return nodeNumbers.every((number) => number === node.number);
  }

  #node(number: number): NodeRecord {
    return mustHave(this.#state.nodes[number], 'node', number);
  }

  /** What was decided, in the order in which it is applied. */
  facts(): readonly Fact[] {
    const facts: Fact[] = this.#newSites.map((name, at) =>
      guessedSite({ siteId: name, siteNumber: this.#state.sites.length + at }, this.#now),
    );
    for (const [nodeNumber, siting] of this.#changed) {
      const before = this.#node(nodeNumber);
      const { siteNumber, sitedBy, natGroup, lan } = siting;
      const isNews =
        siteNumber !== before.siteNumber ||
        sitedBy !== before.sitedBy ||
        natGroup !== before.natGroup ||
        lan !== before.lan;
      if (!isNews) continue;
      const place = { siteNumber, sitedBy, natGroup, lan };
      facts.push({ kind: 'nodeSited', at: this.#now, nodeNumber, ...place });
    }
    return facts;
  }
}

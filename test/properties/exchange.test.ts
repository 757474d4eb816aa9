// An exchange in a world that loses, repeats and delays messages, and in which nodes die: a chunk crosses the
// uplink once unless somebody lost it, and whoever stays has all of it in the end.

import { hasChunk } from '../../proto/bitmap.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunksOf } from '../../scheduler/core/distribution/exchange.ts';
import { ExchangingSite, bits } from '../scheduler/core/distribution/site.ts';

const chunks = 100;
/** What happens to one message, or to the leases that it is answered with. */
const fates = fc.constantFrom('arrives', 'lost', 'twice', 'unanswered');
type Fate = 'arrives' | 'lost' | 'twice' | 'unanswered';

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('speaks'), node: fc.nat(3), fate: fates }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('fetches'), node: fc.nat(3), fate: fates }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('swaps'), node: fc.nat(3), fate: fates }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('waits'), node: fc.nat(20), fate: fates }),
  },
  // The first one stays.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('dies'),
      node: fc.integer({ min: 1, max: 3 }),
      fate: fates,
    }),
  },
);

/** Nodes as they really are, beside what the scheduler thinks of them. */
class World {
  readonly site = new ExchangingSite(4, chunks);
  readonly held = [0, 1, 2, 3].map(() => new Set<number>());
  readonly leased = [0, 1, 2, 3].map(() => new Set<number>());
  readonly dead = new Set<number>();
  brought = 0;

  do({ kind, node, fate }: { kind: string; node: number; fate: Fate }): void {
    if (kind === 'waits') this.site.harness.wait(node * 1_000);
    else if (this.dead.has(node)) return;
    else if (kind === 'dies') {
      this.dead.add(node);
      this.site.revoke(node);
    } else if (kind === 'speaks') this.speak(node, fate);
    else if (kind === 'fetches') this.fetch(node, fate === 'lost' ? 1 : 8);
    else this.swap(node, (node + 1) % 4);
    this.listen('arrives');
  }

  speak(node: number, fate: Fate): void {
    const own = this.held[node] ?? new Set();
    const peers = this.held.filter((_, at) => at !== node && !this.dead.has(at));
    const all = Array.from({ length: chunks }, (_, at) => at);
    const unfound = all.filter((at) => !own.has(at) && !peers.some((peer) => peer.has(at)));
    const said = { held: bits(own, chunks), unfound: bits(unfound, chunks) };
    if (fate !== 'lost') this.site.tell(node, said);
    if (fate === 'twice') this.site.tell(node, said);
    this.listen(fate);
  }

  /** Leases that the scheduler has sent. */
  listen(fate: Fate): void {
    for (const { node, chunks: asked } of this.site.leases()) {
      if (fate === 'unanswered') continue;
      for (const at of asked) this.leased[node]?.add(at);
    }
    this.check();
  }

  fetch(node: number, most: number): void {
    for (const at of [...(this.leased[node] ?? [])].slice(0, most)) {
      this.leased[node]?.delete(at);
      if (this.held[node]?.has(at) === false) this.brought += 1;
      this.held[node]?.add(at);
    }
  }

  swap(to: number, from: number): void {
    if (this.dead.has(from)) return;
    for (const at of this.held[from] ?? []) this.held[to]?.add(at);
  }

  /** No chunk is brought by two at a time, and counts are those of the members. */
  check(): void {
    const { exchange, harness } = this.site;
    const seen = new Set<number>();
    for (const { runs } of harness.state.sites[0]?.lanes.down.batches.values() ?? []) {
      for (const at of chunksOf(runs)) {
        const isOpen = exchange?.batchOf[at] !== 0;
        expect(isOpen && seen.has(at)).toBe(false);
        if (isOpen) seen.add(at);
      }
    }
    const copies = Array.from({ length: chunks }, () => 0);
    for (const { held } of exchange?.members.values() ?? []) {
      for (let at = 0; at < chunks; at += 1)
        if (hasChunk(held, at)) copies[at] = (copies[at] ?? 0) + 1;
    }
    expect([...(exchange?.copies ?? copies)]).toEqual(copies);
  }
}

test('whoever stays has the whole blob in the end, and no chunk has two leases', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const world = new World();
      for (const each of steps) world.do(each);
      for (let round = 0; round < 60 && (world.held[0]?.size ?? 0) < chunks; round += 1) {
        for (const node of [0, 1, 2, 3]) {
          if (world.dead.has(node)) continue;
          world.speak(node, 'arrives');
          world.fetch(node, chunks);
        }
        world.site.harness.wait(5_000);
        world.listen('arrives');
        for (const node of [1, 2, 3]) world.swap(0, node);
      }
      expect(world.held[0]?.size).toBe(chunks);
    }),
    { numRuns: 15 },
  );
});

test('without losses each chunk crosses the uplink once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }), (order) => {
      const world = new World();
      for (const node of [...order, ...Array.from({ length: 64 }, (_, at) => at % 4)]) {
        world.speak(node, 'arrives');
        world.fetch(node, chunks);
        world.speak(node, 'arrives');
      }
      expect(world.brought).toBe(chunks);
      expect(world.site.harness.state.exchanges.againBytes).toBe(0);
    }),
    { numRuns: 15 },
  );
});

// Packages in a node's own exchange: one chunk of any size, and no origin.

import { expect, test } from 'vitest';
import { emptyBitmap, fullBitmap } from '../../../proto/bitmap.ts';
import { ExchangeState, takeExchange } from '../../../agent/core/index.ts';
import type { ExchangeCommand, ExchangeEffect } from '../../../agent/core/index.ts';
import { maxExchanges, maxForeign } from '../../../agent/core/exchange/limits.ts';

const sha256 = 'a'.repeat(64);
const peers = [1, 2, 3, 4].map((at) => ({ address: `10.0.0.${at}`, port: 7_000 }));

class Node {
  readonly #state = new ExchangeState({ salt: 'n', isSmallBoard: false });
  nowMs = 0;

  give(command: ExchangeCommand): readonly ExchangeEffect[] {
    return takeExchange(this.#state, command, this.nowMs);
  }

  want(hash: string, sizeBytes: number, held = emptyBitmap(1)): readonly ExchangeEffect[] {
    const blob = { kind: 'blobOpened', sha256: hash, sizeBytes, chunks: 1, held } as const;
    return this.give({ ...blob, isForeign: true });
  }

  get size(): number {
    return this.#state.exchanges.size;
  }
}

test('a package is told to be one, and asked of its source once the scheduler says so', () => {
  const node = new Node();
  expect(node.want(sha256, 1_000)).toMatchObject([{ kind: 'sayPart', isForeign: true, room: 1 }]);
  const lease = { chunks: [0], spanMs: 60_000, capability: null };
  expect(node.give({ kind: 'chunksLeased', sha256, ...lease })).toMatchObject([
    { kind: 'fetchRun', first: 0, end: 1, capability: null },
  ]);
});

test('a package that three peers have wrong is said to be nowhere: no origin has it', () => {
  const node = new Node();
  node.want(sha256, 1_000);
  node.give({ kind: 'exchangeTold', sha256, indexSha256: '', peers });
  let effects = peers.flatMap((peer) => [
    ...node.give({ kind: 'peerHas', sha256, peer, held: fullBitmap(1), isAsking: false }),
  ]);
  for (let bad = 0; bad < 3; bad += 1) {
    const asked = effects.find((effect) => effect.kind === 'askPeer');
    if (asked === undefined) throw new Error('nobody is asked');
    effects = [...node.give({ kind: 'chunkBad', sha256, chunk: 0, peer: asked.peer })];
  }
  expect(effects).toMatchObject([{ kind: 'sayPart', unfound: fullBitmap(1), room: 1 }]);
});

test('a large package may take a peer as long as the slowest LAN that an owner allows', () => {
  const node = new Node();
  const sizeBytes = 100_000_000;
  node.want(sha256, sizeBytes);
  node.give({ kind: 'exchangeTold', sha256, indexSha256: '', peers });
  const [peer] = peers;
  if (peer === undefined) throw new Error('no peer');
  node.give({ kind: 'peerHas', sha256, peer, held: fullBitmap(1), isAsking: false });
  const ends = (): boolean => node.give({ kind: 'tick' }).some(({ kind }) => kind === 'endRequest');
  node.nowMs = 799_999;
  expect(ends()).toBe(false);
  node.nowMs = 800_000;
  expect(ends()).toBe(true);
});

test('packages make room for packages alone, and only those that are whole', () => {
  const node = new Node();
  const hash = (letter: string, at: number): string => letter + String(at).padStart(63, '0');
  const held = fullBitmap(1);
  for (let at = 0; at < maxExchanges - maxForeign; at += 1) {
    const blob = { sha256: hash('b', at), sizeBytes: 1, chunks: 1, held };
    node.give({ kind: 'blobOpened', ...blob });
  }
  for (let at = 0; at < maxForeign; at += 1)
    node.want(hash('c', at), 1, at === 5 ? held : undefined);
  const left = node.want(hash('d', 1), 1).find(({ kind }) => kind === 'sayLeft');
  expect(left).toMatchObject({ sha256: hash('c', 5) });
  expect(node.want(hash('d', 2), 1)).toContainEqual({
    kind: 'notExchanged',
    sha256: hash('d', 2),
  });
  expect(node.size).toBe(maxExchanges);
});

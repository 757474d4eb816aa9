// When a node tells a neighbour which chunks it has: once for each that the other lacks, and soon when few are missing.

import { describe, expect, test } from 'vitest';
import type { ExchangeEffect } from '../../../agent/core/index.ts';
import { ExchangeState, nextExchangeMs, takeExchange } from '../../../agent/core/index.ts';
import { emptyBitmap, fullBitmap, setChunk } from '../../../proto/bitmap.ts';

const sha256 = 'ab'.repeat(32);
const peer = { address: '10.0.0.2', port: 7_001 };
const openedMs = 10_000;

/** A node with one neighbour, each with so many chunks; both have heard each other. */
class Pair {
  readonly state = new ExchangeState({ salt: 'a', isSmallBoard: false });
  nowMs = openedMs;

  constructor({ chunks, here, there = 0 }: { chunks: number; here: number; there?: number }) {
    const blob = { sha256, sizeBytes: chunks * 1_000 };
    this.#take({ kind: 'blobWanted', ...blob, capability: 'may' });
    this.#take({ kind: 'exchangeTold', sha256, indexSha256: 'i', peers: [peer] });
    this.#take({ kind: 'blobOpened', ...blob, chunks, held: firstOf(chunks, here) });
    this.hears(firstOf(chunks, there));
  }

  #take(command: Parameters<typeof takeExchange>[1]): readonly ExchangeEffect[] {
    return takeExchange(this.state, command, this.nowMs);
  }

  hears(held: Uint8Array | null, isAsking = false): void {
    this.#take({ kind: 'peerHas', sha256, peer, held, isAsking });
  }

  gains(chunk: number): void {
    this.#take({ kind: 'chunkCame', sha256, chunk, peer: null });
  }

  /** After how many ms it tells next, within so many; null: it does not. */
  tellsAfter(mostMs: number): number | null {
    const fromMs = this.nowMs;
    for (;;) {
      const nextMs = nextExchangeMs(this.state, this.nowMs);
      if (nextMs === null || nextMs > fromMs + mostMs) return null;
      this.nowMs = nextMs;
      const effects = this.#take({ kind: 'tick' });
      if (effects.some(({ kind }) => kind === 'swapParts')) return nextMs - fromMs;
    }
  }
}

function firstOf(chunks: number, count: number): Uint8Array {
  const held = emptyBitmap(chunks);
  for (let chunk = 0; chunk < count; chunk += 1) setChunk(held, chunk);
  return held;
}

describe('a new chunk is told', () => {
  test.each([
    ['after a second while much is missing', { chunks: 200, here: 0 }, 1_000],
    ['sooner when less is', { chunks: 200, here: 169 }, 600],
    ['sooner when less is there', { chunks: 200, here: 0, there: 190 }, 200],
    ['at once when it is one of the last', { chunks: 200, here: 197 }, 100],
  ])('%s', (_, pair, wantedMs) => {
    const node = new Pair(pair);
    node.gains(pair.chunks - 1);
    expect(node.tellsAfter(1_500)).toBe(wantedMs);
  });

  test('to nobody who has it, or has all', () => {
    const node = new Pair({ chunks: 8, here: 0, there: 2 });
    node.gains(1);
    expect(node.tellsAfter(1_500)).toBeNull();
    node.hears(fullBitmap(8));
    node.gains(2);
    expect(node.tellsAfter(120_000)).toBeNull();
  });

  test('no second time to who has asked meanwhile', () => {
    const node = new Pair({ chunks: 8, here: 0 });
    node.gains(1);
    node.hears(firstOf(8, 0), true);
    expect(node.tellsAfter(1_500)).toBeNull();
  });

  test('again when it came while the neighbour was being told of others', () => {
    const node = new Pair({ chunks: 8, here: 0 });
    node.gains(1);
    expect(node.tellsAfter(1_500)).toBe(140);
    node.gains(2);
    node.hears(firstOf(8, 0));
    expect(node.tellsAfter(1_500)).toBe(120);
  });
});

test('a neighbour that did not answer is told again, after a rest', () => {
  const node = new Pair({ chunks: 8, here: 0 });
  node.gains(1);
  expect(node.tellsAfter(1_500)).toBe(140);
  node.hears(null);
  expect(node.tellsAfter(1_500)).toBe(1_000);
});

test('a neighbour that tells nothing new is asked more and more seldom', () => {
  const node = new Pair({ chunks: 8, here: 0 });
  const spans = Array.from({ length: 6 }, () => {
    const spanMs = node.tellsAfter(60_000);
    node.hears(firstOf(8, 0));
    return spanMs;
  });
  expect(spans).toEqual([4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

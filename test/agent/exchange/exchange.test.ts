// The exchange of a blob at a site, by the agents' own core: what comes over the uplink, whom chunks are asked of, and when nodes are silent.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countChunks, emptyBitmap, fullBitmap, setChunk } from '../../../proto/bitmap.ts';
import type { Bitmap } from '../../../proto/bitmap.ts';
import {
  ExchangeState,
  nextExchangeMs,
  takeExchange,
  type ExchangeCommand,
  type ExchangeEffect,
} from '../../../agent/core/index.ts';
import { Site, sha256, type Kind } from './site.ts';

const hourMs = 3_600_000;

describe('a site', () => {
  test('takes each chunk over its uplink once, and is silent when all have it', () => {
    const site = new Site({ kinds: Array.from({ length: 12 }, () => 'right'), chunks: 100 });
    site.runUntilWhole(hourMs);
    expect(site.wholeNodes()).toBe(12);
    expect(site.originChunks).toBe(100);
    expect(site.nowMs).toBeLessThan(60_000);
    site.runOn(hourMs);
    const { messages } = site;
    site.runOn(100 * hourMs);
    expect(site.messages).toBe(messages);
  });

  test('ends without the scheduler, and brings few chunks twice', () => {
    const kinds = Array.from({ length: 6 }, (): Kind => 'right');
    const site = new Site({ kinds, chunks: 40, isScheduled: false });
    site.runUntilWhole(hourMs);
    expect(site.wholeNodes()).toBe(6);
    expect(site.originChunks).toBeLessThanOrEqual(48);
  });

  test('an origin that fails is asked more and more seldom, and then it goes on', () => {
    const site = new Site({ kinds: ['right', 'right'], chunks: 20, originFailures: 12 });
    site.runUntilWhole(hourMs);
    expect(site.wholeNodes()).toBe(2);
    expect(site.nowMs).toBeGreaterThan(20_000);
  });

  test('each right node ends whole whatever the others are', () => {
    const kind = fc.constantFrom<Kind>('right', 'flips', 'claims', 'silent', 'slow', 'busy');
    const others = fc.array(kind, { maxLength: 9 });
    const world = fc.record({
      ...{ others, chunks: fc.integer({ min: 1, max: 40 }), isScheduled: fc.boolean() },
      originFailures: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(world, ({ others: kinds, ...options }) => {
        const site = new Site({ kinds: ['right', ...kinds], ...options });
        site.runUntilWhole(2 * hourMs);
        const wrong = site.nodes.filter(({ kind: is, isWhole }) => is === 'right' && !isWhole);
        expect(wrong.map(({ address }) => address)).toEqual([]);
      }),
      { numRuns: Number(process.env['PUNNET_PROPERTY_RUNS'] ?? 40) },
    );
  });
});

const peers = [1, 2, 3, 4].map((at) => ({ address: `10.0.0.${at}`, port: 7 }));

/** A node that has the index of a blob of so many chunks, and peers that have all. */
class OneNode {
  readonly state = new ExchangeState({ salt: 'n', isSmallBoard: false });
  readonly chunks: number;
  nowMs = 0;

  constructor(chunks: number) {
    this.chunks = chunks;
    this.give({ kind: 'blobWanted', sha256, sizeBytes: 1_000_000, capability: 'may' });
    this.give({ kind: 'exchangeTold', sha256, indexSha256: 'i', peers });
    const held = emptyBitmap(chunks);
    this.give({ kind: 'blobOpened', sha256, sizeBytes: 1_000_000, chunks, held });
  }

  give(command: ExchangeCommand): readonly ExchangeEffect[] {
    return takeExchange(this.state, command, this.nowMs);
  }

  has(at: number): readonly ExchangeEffect[] {
    const peer = peers[at];
    if (peer === undefined) throw new Error('no such peer');
    return this.give({
      kind: 'peerHas',
      sha256,
      peer,
      held: fullBitmap(this.chunks),
      isAsking: false,
    });
  }
}

function asksOf(effects: readonly ExchangeEffect[]) {
  return effects.filter((effect) => effect.kind === 'askPeer');
}

describe('a node', () => {
  test('asks first for what the fewest have', () => {
    const node = new OneNode(8);
    const held = emptyBitmap(8);
    setChunk(held, 5);
    // Three have all but 5, which only the last has; it is free when they are asked already.
    const rest = fullBitmap(8);
    rest[0] = 0xff & ~(1 << 5);
    const asked = peers.flatMap((peer, at) =>
      asksOf(
        node.give({ kind: 'peerHas', sha256, peer, held: at === 0 ? held : rest, isAsking: false }),
      ),
    );
    expect(asked).toMatchObject([{ chunk: 5, peer: peers[0] }, { peer: peers[1] }]);
  });

  test('takes a chunk that three peers had wrong from the origin', () => {
    const node = new OneNode(1);
    let effects = [0, 1, 2, 3].flatMap((at) => [...node.has(at)]);
    for (let bad = 0; bad < 3; bad += 1) {
      const [asked] = asksOf(effects);
      if (asked?.kind !== 'askPeer') throw new Error('nobody is asked');
      effects = [...node.give({ kind: 'chunkBad', sha256, chunk: 0, peer: asked.peer })];
    }
    expect(asksOf(effects)).toEqual([]);
    expect(effects).toContainEqual(
      expect.objectContaining({ kind: 'fetchRun', first: 0, end: 1, capability: 'may' }),
    );
  });

  test('ends a request that takes too long, and asks somebody else', () => {
    const node = new OneNode(1);
    const first = asksOf(node.has(0))[0];
    node.has(1);
    node.nowMs = 16_000;
    const effects = node.give({ kind: 'tick' });
    expect(effects).toContainEqual({ kind: 'endRequest', sha256, chunk: 0, peer: peers[0] });
    expect(first).toMatchObject({ peer: peers[0] });
    expect(asksOf(effects)).toMatchObject([{ chunk: 0, peer: peers[1] }]);
  });

  test('leaves a busy peer alone for as long as it says', () => {
    const node = new OneNode(1);
    node.has(0);
    const [peer] = peers;
    if (peer === undefined) throw new Error('no peer');
    const effects = node.give({ kind: 'peerBusy', sha256, chunk: 0, peer, restMs: 700 });
    expect(asksOf(effects)).toEqual([]);
    node.nowMs = 699;
    expect(asksOf(node.give({ kind: 'tick' }))).toEqual([]);
    expect(nextExchangeMs(node.state, 699)).toBe(700);
    node.nowMs = 700;
    expect(asksOf(node.give({ kind: 'tick' }))).toHaveLength(1);
  });
});

describe('a node without the index', () => {
  /** When it asked which peer, or the origin (null), none of which has it. */
  const asksWithin = (salt: string, mostMs: number): (readonly [number, number | null])[] => {
    const state = new ExchangeState({ salt, isSmallBoard: false });
    const asked: (readonly [number, number | null])[] = [];
    const give = (command: ExchangeCommand, nowMs: number): void => {
      for (const effect of takeExchange(state, command, nowMs)) {
        if (effect.kind !== 'openBlob') continue;
        const { peer } = effect;
        asked.push([
          nowMs,
          peer === null ? null : peers.findIndex((each) => each.address === peer.address),
        ]);
        give({ kind: 'indexFailed', sha256, peer }, nowMs);
      }
    };
    give({ kind: 'blobWanted', sha256, sizeBytes: 1_000_000, capability: 'may' }, 0);
    give({ kind: 'exchangeTold', sha256, indexSha256: 'i', peers }, 0);
    for (let nowMs = nextExchangeMs(state, 0) ?? 0; nowMs <= mostMs;) {
      give({ kind: 'tick' }, nowMs);
      nowMs = nextExchangeMs(state, nowMs) ?? Infinity;
    }
    return asked;
  };
  const firstFromOrigin = (salt: string): number =>
    asksWithin(salt, 13_000).find(([, peer]) => peer === null)?.[0] ?? Infinity;

  test('asks peers that have no index yet again, one each half second', () => {
    const asked = asksWithin('n', 2_400);
    expect(asked.map(([, peer]) => peer).toSorted()).toEqual([0, 0, 1, 2, 3]);
    expect(asked.map(([atMs]) => atMs)).toEqual([0, 500, 1_000, 1_500, 2_000]);
  });

  test('asks the origin at another time than others, so that they have it of the first', () => {
    const times = Array.from({ length: 20 }, (_, at) => firstFromOrigin(`node ${at}`));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(2_500);
    expect(Math.min(...times)).toBeLessThan(4_500);
    expect(Math.max(...times)).toBeLessThanOrEqual(13_000);
    expect(new Set(times.map((each) => Math.round(each / 1_000))).size).toBeGreaterThan(5);
    // The origin failed, too: peers are asked while it rests.
    expect(asksWithin('n', 13_500).at(-1)?.[1]).not.toBeNull();
  });
});

describe('a node and the scheduler', () => {
  test('says what no peer has after five seconds without news', () => {
    const node = new OneNode(9);
    node.nowMs = 4_999;
    expect(node.give({ kind: 'tick' }).filter(({ kind }) => kind === 'sayPart')).toEqual([]);
    node.nowMs = 5_000;
    const part = node.give({ kind: 'tick' }).find((effect) => effect.kind === 'sayPart');
    expect(part?.unfound).toEqual(fullBitmap(9));
  });

  test('asks for the next batch when half of the last is left, and says when it is done', () => {
    const node = new OneNode(64);
    const chunks = [0, 1, 2, 3];
    const leased = node.give({
      ...{ kind: 'chunksLeased', sha256, chunks, spanMs: 60_000, capability: null },
    });
    expect(leased).toContainEqual(expect.objectContaining({ kind: 'fetchRun', first: 0, end: 4 }));
    const said = chunks.map((chunk) => {
      const effects = node.give({ kind: 'chunkCame', sha256, chunk, peer: null });
      const part = effects.find((effect) => effect.kind === 'sayPart');
      return part === undefined ? null : part.room;
    });
    expect(said).toEqual([null, 16, null, 16]);
  });

  test('leaves the line to others while round trips are long, and takes it back', () => {
    const node = new OneNode(1);
    const pace = (spanMs: number, filledPart: number | null = 0.5): unknown =>
      node.give({ kind: 'roundTrip', spanMs, filledPart })[0];
    expect(pace(20)).toBeUndefined();
    expect(pace(79)).toBeUndefined();
    expect(pace(85)).toEqual({ kind: 'pace', part: 0.75 });
    for (let at = 0; at < 50; at += 1) pace(200);
    expect(node.state.pace).toBe(1 / 16);
    for (let at = 0; at < 15; at += 1) pace(20);
    expect(node.state.pace).toBe(1);
    // Its own bytes, or those of others at its site, may be what makes them long.
    for (const part of [null, 0.76, 1]) expect(pace(500, part)).toBeUndefined();
    expect(pace(500, 0.75)).toEqual({ kind: 'pace', part: 0.75 });
  });

  test('exchanges so many blobs and no more; one that is whole makes room', () => {
    const node = new OneNode(1);
    const want = (at: number): readonly ExchangeEffect[] =>
      node.give({ kind: 'blobWanted', sha256: `b${at}`, sizeBytes: 1, capability: 'may' });
    for (let at = 1; at < 256; at += 1) want(at);
    expect(want(256)).toContainEqual({ kind: 'notExchanged', sha256: 'b256' });
    node.give({ kind: 'chunkCame', sha256, chunk: 0, peer: null });
    expect(want(257)).toContainEqual({ kind: 'sayLeft', sha256 });
  });
});

test('a node that waits for its turn says so ever more rarely, at first and again after a lease', () => {
  const state = new ExchangeState({ salt: 'one', isSmallBoard: false });
  const told: number[] = [];
  let nowMs = 0;
  const give = (command: ExchangeCommand): void => {
    for (const { kind } of takeExchange(state, command, nowMs)) {
      if (kind === 'sayPart') told.push(nowMs);
    }
  };
  const wait = (untilMs: number): void => {
    for (; nowMs < untilMs; nowMs += 1_000) give({ kind: 'tick' });
  };
  give({ kind: 'blobWanted', sha256, sizeBytes: 1_000_000, capability: 'may' });
  wait(360_000);
  expect(told).toEqual([0, 15_000, 45_000, 105_000, 225_000, 345_000]);
  give({ kind: 'chunksLeased', sha256, chunks: [0], spanMs: 1_000, capability: 'may' });
  told.length = 0;
  wait(400_000);
  expect(told.length).toBeGreaterThan(1);
});

test('a node that looks through what it has of the version before says so, ever more rarely', () => {
  const state = new ExchangeState({ salt: 'one', isSmallBoard: false });
  const told: number[] = [];
  const give = (command: ExchangeCommand, nowMs: number): void => {
    for (const { kind } of takeExchange(state, command, nowMs)) {
      if (kind === 'sayPart') told.push(nowMs);
    }
  };
  const wanted = { sha256, sizeBytes: 1_000_000, capability: 'may', isUpdate: true };
  give({ kind: 'blobWanted', ...wanted }, 0);
  for (let nowMs = 1_000; nowMs < 60_000; nowMs += 1_000) give({ kind: 'tick' }, nowMs);
  expect(told).toEqual([0, 3_000, 9_000, 21_000, 45_000]);
});

test('a node tells at once, and once, what only peers say that they have which give none', () => {
  const node = new OneNode(9);
  const [liar] = peers;
  if (liar === undefined) throw new Error('no peer');
  const said = (command: ExchangeCommand): readonly Bitmap[] =>
    node.give(command).flatMap((effect) => (effect.kind === 'sayPart' ? [effect.unfound] : []));
  const claimed = emptyBitmap(9);
  for (const chunk of [2, 5, 7]) setChunk(claimed, chunk);
  let asked = asksOf(
    node.give({ kind: 'peerHas', sha256, peer: liar, held: claimed, isAsking: false }),
  );
  const told: Bitmap[] = [];
  for (let failures = 0; failures < 2; failures += 1) {
    const [ask] = asked;
    if (ask?.kind !== 'askPeer') throw new Error('it is not asked');
    told.push(...said({ kind: 'peerFailed', sha256, chunk: ask.chunk, peer: liar }));
    node.nowMs += 1_000;
    asked = asksOf(node.give({ kind: 'tick' }));
  }
  expect(told).toEqual([claimed]);
  node.give({ kind: 'chunkCame', sha256, chunk: 5, peer: null });
  expect(said({ kind: 'tick' }), 'fewer are no news').toEqual([]);
});

test('a node that brings chunks tells all that no peer has with what it says anyway, one that waits does not', () => {
  const node = new OneNode(64);
  const unfound = (command: ExchangeCommand): readonly number[] =>
    node
      .give(command)
      .flatMap((effect) => (effect.kind === 'sayPart' ? [countChunks(effect.unfound)] : []));
  node.give({ kind: 'chunksLeased', sha256, chunks: [0, 1], spanMs: 60_000, capability: null });
  expect(unfound({ kind: 'chunkCame', sha256, chunk: 0, peer: null })).toEqual([62]);
  expect(unfound({ kind: 'chunkCame', sha256, chunk: 1, peer: null })).toEqual([62]);
  node.nowMs = 4_900;
  node.give({ kind: 'chunkCame', sha256, chunk: 2, peer: peers[0] ?? null });
  node.nowMs = 9_800;
  node.give({ kind: 'chunkCame', sha256, chunk: 3, peer: peers[0] ?? null });
  node.nowMs = 14_700;
  node.give({ kind: 'chunkCame', sha256, chunk: 4, peer: peers[0] ?? null });
  node.nowMs = 15_000;
  expect(unfound({ kind: 'tick' }), 'it waits').toEqual([0]);
});

test('a node says what it brings, until it is there; that it has opened a blob it says of an update alone', () => {
  const node = new OneNode(16);
  const bringing = (command: ExchangeCommand): readonly Bitmap[] =>
    node.give(command).flatMap((effect) => (effect.kind === 'sayPart' ? [effect.bringing] : []));
  node.give({ kind: 'chunksLeased', sha256, chunks: [0, 9], spanMs: 60_000, capability: null });
  const back = { kind: 'schedulerHere', isHere: true } as const;
  expect(bringing(back)).toEqual([Uint8Array.of(1, 2)]);
  node.give({ kind: 'chunkCame', sha256, chunk: 0, peer: null });
  expect(bringing(back)).toEqual([Uint8Array.of(0, 2)]);
  node.give({ kind: 'chunkCame', sha256, chunk: 9, peer: null });
  expect(bringing(back)).toEqual([new Uint8Array(0)]);
  for (const isUpdate of [true, false]) {
    const state = new ExchangeState({ salt: 'one', isSmallBoard: false });
    const wanted = { sha256, sizeBytes: 1_000_000, capability: 'may', isUpdate };
    takeExchange(state, { kind: 'blobWanted', ...wanted }, 0);
    const held = emptyBitmap(9);
    const opened = { kind: 'blobOpened', sha256, sizeBytes: 1_000_000, chunks: 9, held } as const;
    const said = takeExchange(state, opened, 500).some(({ kind }) => kind === 'sayPart');
    expect(said).toBe(isUpdate);
  }
});

test('a node keeps a lease whose chunks come slowly, and says each eighth of its span how far it is', () => {
  const node = new OneNode(64);
  const chunks = [0, 1, 2, 3, 8];
  node.give({ kind: 'chunksLeased', sha256, chunks, spanMs: 10_000, capability: null });
  const toldAt = (atMs: number, command: ExchangeCommand): boolean => {
    node.nowMs = atMs;
    return node.give(command).some(({ kind }) => kind === 'sayPart');
  };
  const come = (chunk: number): ExchangeCommand => ({
    ...{ kind: 'chunkCame', sha256, chunk, peer: null },
  });
  expect(toldAt(1_000, come(0))).toBe(false);
  expect(nextExchangeMs(node.state, 1_000)).toBe(1_250);
  expect(toldAt(1_250, { kind: 'tick' })).toBe(true);
  expect(toldAt(2_000, come(1))).toBe(false);
  expect(nextExchangeMs(node.state, 2_000)).toBe(2_500);
  expect(toldAt(2_500, { kind: 'tick' })).toBe(true);
  expect(toldAt(11_900, { kind: 'tick' })).toBe(true);
  node.nowMs = 11_950;
  node.give(come(2));
  node.give(come(3));
  const next = node.give({ kind: 'runEnded', sha256, isRight: true });
  expect(next).toContainEqual(expect.objectContaining({ kind: 'fetchRun', first: 8, end: 9 }));
});

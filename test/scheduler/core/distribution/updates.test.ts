// The exchange of a release: much of it may be at the site already, and nothing is brought before that is known.

import { beforeEach, expect, test } from 'vitest';
import type { BlobPart } from '../../../../scheduler/core/distribution/exchange.ts';
import { chunksOf } from '../../../../scheduler/core/distribution/exchange.ts';
import { instant, sha256 } from '../../../../scheduler/core/index.ts';
import { CoreHarness } from '../harness.ts';
import { bits } from './site.ts';

const release = sha256('ef'.repeat(32));
const chunkCount = 40;
const sizeBytes = chunkCount * 64 * 1024;
const minuteMs = 60_000;
let core: CoreHarness;

beforeEach(() => {
  core = new CoreHarness();
  core.setSite('school', 10e6);
  for (const name of ['old', 'worn', 'new']) core.node(name, 'school');
  want(core.nowMs + 10 * minuteMs);
  core.effects = [];
});

function want(untilMs: number): void {
  const until = instant(untilMs);
  const blob = { sha256: release, sizeBytes, chunkCount, priority: 0, until };
  core.give({ kind: 'wantBlobs', blobs: untilMs === 0 ? [] : [blob] });
}

/** Before it has the index it asks for one chunk, of those that nobody holds. */
function joins(name: string): void {
  tell(name, { room: 1 });
}

function tell(name: string, changes: Partial<BlobPart>): void {
  const part = {
    ...{ sha256: release, sizeBytes, held: new Uint8Array(0), isWhole: false, room: 16 },
    ...{ unfound: new Uint8Array(0), address: '192.168.1.9', port: 9_000, hasLeft: false },
    ...{ isForeign: false, bringing: new Uint8Array(0) },
    ...changes,
  };
  core.speak(name, { blobParts: [part] });
}

/** All but these. */
const but = (...missing: readonly number[]): Uint8Array =>
  bits(
    Array.from({ length: chunkCount }, (_, at) => at).filter((at) => !missing.includes(at)),
    chunkCount,
  );

const leases = () =>
  core.take('leaseChunks').map(({ nodeId, runs }) => [nodeId, [...chunksOf(runs)]] as const);

function pass(ms: number): void {
  core.nowMs += ms;
  core.give({ kind: 'tick' });
}

test('what some member has is brought by nobody, though another one told first that it has not', () => {
  joins('worn');
  expect(leases()).toEqual([['worn', [0]]]);
  joins('old');
  leases();
  tell('worn', { held: but(3, 4, 20, 21, 22) });
  expect(leases(), 'the other one has not told').toEqual([]);
  tell('old', { held: but(20, 21) });
  expect(leases().flatMap(([, chunks]) => chunks)).toEqual([20, 21]);
});

/** It speaks as agents do that look through what they have of the version before: after twice the time each time. */
function opens(name: string, seconds: number): void {
  let nextMs = 3_000;
  for (let at = 0; at < seconds; at += 1) {
    pass(1_000);
    if (1_000 * (at + 1) < nextMs) continue;
    joins(name);
    nextMs = 2 * nextMs + 3_000;
  }
}

test('who says again and again that it looks through what it has is waited for, for two minutes', () => {
  joins('old');
  joins('worn');
  leases();
  tell('worn', { held: but(3, 4), room: 16 });
  opens('old', 118);
  expect(leases().filter(([name]) => name === 'worn')).toEqual([]);
  pass(4_000);
  tell('worn', { held: but(3, 4), room: 16 });
  expect(leases().filter(([name]) => name === 'worn')).toEqual([['worn', [3, 4]]]);
});

test.each([
  ['at once', 0, 6],
  ['after nine seconds', 9, 15],
])(
  'who falls silent %s is not waited for as long again and six seconds later',
  (_, spoken, more) => {
    joins('old');
    joins('worn');
    leases();
    tell('worn', { held: but(3, 4) });
    opens('old', spoken);
    pass(1_000 * more - 1_000);
    tell('worn', { held: but(3, 4) });
    expect(leases().filter(([name]) => name === 'worn')).toEqual([]);
    pass(3_000);
    tell('worn', { held: but(3, 4) });
    expect(leases().filter(([name]) => name === 'worn')).toEqual([['worn', [3, 4]]]);
  },
);

test('nobody is waited for when some leave and join again in turn, and never tell', () => {
  joins('worn');
  joins('old');
  leases();
  const ofOld = (): readonly number[] =>
    leases().flatMap(([name, chunks]) => (name === 'old' ? chunks : []));
  for (let at = 0; at < 25; at += 1) {
    tell('old', { held: but(3, 4) });
    joins(at % 2 === 0 ? 'new' : 'worn');
    tell(at % 2 === 0 ? 'worn' : 'new', { hasLeft: true });
    expect(ofOld()).toEqual([]);
    pass(4_500);
  }
  joins('new');
  pass(8_000);
  joins('worn');
  tell('old', { held: but(3, 4) });
  expect(ofOld(), 'two minutes are over').not.toEqual([]);
});

test('whoever has it from before, and came later, spares the line all that was not asked for yet', () => {
  joins('new');
  leases();
  tell('new', { held: bits([], chunkCount), room: 8 });
  const first = leases().flatMap(([, chunks]) => chunks);
  expect(first).toHaveLength(8);
  joins('old');
  leases();
  tell('new', { held: bits(first, chunkCount), room: 16 });
  tell('old', { held: but(39), room: 16 });
  // One of those that it had before it told what it has.
  expect(leases().flatMap(([, chunks]) => chunks)).toEqual([9, 39]);
});

test('nothing is brought for a release that nobody rolls out any more', () => {
  joins('old');
  tell('old', { held: but(1, 2), room: 1 });
  expect(leases()).toEqual([
    ['old', [0]],
    ['old', [1]],
  ]);
  want(0);
  pass(minuteMs);
  tell('old', { held: but(2), room: 16 });
  expect(leases()).toEqual([]);
  want(core.nowMs + minuteMs);
  pass(2_000);
  tell('old', { held: but(2), room: 16 });
  expect(leases()).toEqual([['old', [2]]]);
});

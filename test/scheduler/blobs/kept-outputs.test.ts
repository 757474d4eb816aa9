// Outputs that stay on nodes, when somebody here wants them: asked for until they come, and no longer than anybody waits.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CapabilitySigner } from '../../../scheduler/adapters/blobs/capability.ts';
import { KeptOutputs } from '../../../scheduler/adapters/blobs/kept-outputs.ts';
import type { Keeper } from '../../../scheduler/core/index.ts';
import { instant, jobId, nodeId, siteId } from '../../../scheduler/core/index.ts';

/** A busy machine. */
const patient = { timeout: 60_000 };

const signer = new CapabilitySigner(Buffer.alloc(32, 7));
const wanted = { jobId: 'pictures', taskIndex: 3, sha256: 'a'.repeat(64), sizeBytes: 1_000 };
const here: Keeper = {
  ...{ jobId: jobId('pictures'), taskIndex: 3, nodeId: nodeId('camera'), name: 'camera' },
  ...{ siteId: siteId('reserve'), siteNumber: 0, isHere: true, isRevoked: false },
  ...{ isSent: false, isMonthUsed: false, heardAt: instant(0), address: '', port: 0 },
};
let keeper: Keeper | null;
/** By task, where it is another one's. */
let keepers: Map<number, Keeper>;
let atOrigin: Map<string, number>;
let asked: string[];
let came: number[];
let nowMs: number;
let kept: KeptOutputs;
let never: AbortSignal;

beforeEach(() => {
  [keeper, atOrigin, asked, nowMs] = [here, new Map(), [], 3 * 3_600_000];
  [came, keepers] = [[], new Map()];
  never = new AbortController().signal;
  kept = new KeptOutputs({
    blobs: { size: (sha256) => Promise.resolve(atOrigin.get(sha256)) },
    ...{ signer, nowUnixMs: () => nowMs, askEveryMs: 5 },
    view: () => ({ keeper: (_, taskIndex) => keepers.get(taskIndex) ?? keeper }),
    onCame: ({ taskIndex }) => came.push(taskIndex),
    send: (node, { blob, capability }) => {
      const right = signer.verify(capability, nowMs);
      asked.push(`${node} ${blob?.sha256 === wanted.sha256} ${right?.kind}`);
    },
  });
});
afterEach(() => kept.stop());

describe('an output that is wanted', () => {
  test('is not asked for when it is here', async () => {
    atOrigin.set(wanted.sha256, 1_000);
    expect(await kept.bring(wanted, never)).toBeNull();
    expect(asked).toEqual([]);
  });

  test('is asked for again and again, once for all who wait, until it has come', async () => {
    const both = [kept.bring(wanted, never), kept.bring(wanted, never)];
    await expect.poll(() => asked.length, patient).toBeGreaterThan(2);
    expect(new Set(asked)).toEqual(new Set(['camera true put']));
    kept.came(wanted.sha256);
    expect(await Promise.all(both)).toEqual([null, null]);
    expect(came).toEqual([3]);
    const { length } = asked;
    await kept.bring({ ...wanted, sha256: 'b'.repeat(64) }, AbortSignal.timeout(30));
    expect(asked.filter((each) => each.includes('true'))).toHaveLength(length);
  });

  test('that came without a word is found all the same', async () => {
    const waiting = kept.bring(wanted, never);
    await expect.poll(() => asked.length, patient).toBeGreaterThan(0);
    atOrigin.set(wanted.sha256, 1_000);
    expect(await waiting).toBeNull();
  });

  test('is asked for no more when nobody waits', async () => {
    const leaving = new AbortController();
    const waiting = kept.bring(wanted, leaving.signal);
    await expect.poll(() => asked.length, patient).toBeGreaterThan(0);
    leaving.abort();
    expect(await waiting).toMatchObject({ code: 'late' });
    expect(came).toEqual([]);
    expect(await kept.bring(wanted, leaving.signal)).toMatchObject({ code: 'late' });
  });
});

describe('that an output is here', () => {
  test('is told also when it comes after the last who waited has left', async () => {
    const leaving = new AbortController();
    const waiting = kept.bring(wanted, leaving.signal);
    await expect.poll(() => asked.length, patient).toBeGreaterThan(0);
    leaving.abort();
    await waiting;
    kept.came(wanted.sha256);
    kept.came(wanted.sha256);
    expect(came).toEqual([3]);
  });

  test('is told of each task that left the same bytes', async () => {
    const tasks = [3, 4, 5].map((taskIndex) => kept.bring({ ...wanted, taskIndex }, never));
    await expect.poll(() => asked.length, patient).toBeGreaterThan(2);
    kept.came(wanted.sha256);
    expect(await Promise.all(tasks)).toEqual([null, null, null]);
    expect(came).toEqual([3, 4, 5]);
  });

  test('is told when somebody asks for what came unnoticed, unless it is known', async () => {
    atOrigin.set(wanted.sha256, 1_000);
    await kept.bring(wanted, never);
    expect(came).toEqual([3]);
    keepers.set(4, { ...here, isSent: true });
    await kept.bring({ ...wanted, taskIndex: 4 }, never);
    expect(came).toEqual([3]);
  });
});

test('of equal outputs each waits for its own node, and hears of no other', async () => {
  keepers.set(9, { ...here, name: 'other', isHere: false, isRevoked: true });
  const ofOther = { ...wanted, jobId: 'of-other', taskIndex: 9 };
  const own = kept.bring(wanted, never);
  expect(await kept.bring(ofOther, never)).toMatchObject({ code: 'gone' });
  keepers.set(9, { ...here, nodeId: nodeId('second') });
  const again = kept.bring(ofOther, never);
  await expect.poll(() => new Set(asked).size, patient).toBe(2);
  kept.missing('second', wanted.sha256);
  expect(await again).toMatchObject({ code: 'gone' });
  kept.came(wanted.sha256);
  expect(await own).toBeNull();
});

const place = 'this output of task 3 of job pictures is on node camera (site reserve) alone';

test.each<[string, Partial<Keeper> | null, string, string]>([
  [
    'whose node is away',
    { isHere: false, heardAt: instant(1) },
    'away',
    `${place}, which was last heard 180 min ago: try again when it is back`,
  ],
  [
    'whose node was not heard yet',
    { isHere: false },
    'away',
    `${place}, which has not been heard yet: try again when it is back`,
  ],
  [
    "whose owner's month is used up",
    { isMonthUsed: true },
    'away',
    `${place}, whose owner's bytes of this month are used up: try again next month, or when its owner allows more`,
  ],
  [
    'whose node was revoked',
    { isHere: false, isRevoked: true },
    'gone',
    `${place}, which was revoked: it is lost`,
  ],
  [
    'that nobody keeps',
    null,
    'gone',
    'no node keeps the outputs of task 3 of job pictures any more',
  ],
])('one %s does not come', async (_, changes, code, text) => {
  keeper = changes === null ? null : { ...here, ...changes };
  expect(await kept.bring(wanted, never)).toEqual({ code, text });
  expect(asked).toEqual([]);
  // Nothing is remembered of it.
  kept.came(wanted.sha256);
  expect(came).toEqual([]);
});

test('one that its node has lost does not come, but only that node may say so', async () => {
  const waiting = kept.bring(wanted, never);
  kept.missing('liar', wanted.sha256);
  kept.missing('camera', 'c'.repeat(64));
  await expect.poll(() => asked.length, patient).toBeGreaterThan(1);
  kept.missing('camera', wanted.sha256);
  expect(await waiting).toEqual({ code: 'gone', text: `${place}, which has lost it` });
});

test('one that its node does not send is given up at last', async () => {
  const waiting = kept.bring(wanted, never);
  await expect.poll(() => asked.length, patient).toBeGreaterThan(0);
  nowMs += 11 * 60_000;
  expect(await waiting).toMatchObject({
    code: 'late',
    text: expect.stringContaining(place) as string,
  });
});

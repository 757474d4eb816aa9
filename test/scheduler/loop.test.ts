// The loop's time: whatever the wall clock did while nothing ran, deadlines go on. And its batches:
// what nobody waits for gathers for a moment, what somebody waits for does not.

import { expect, test } from 'vitest';
import { instant, jobId, nodeId, siteId, tokenId } from '../../scheduler/core/index.ts';
import type { Command, Effect, NodeSpoke } from '../../scheduler/core/index.ts';
import { Loop, batchSpanMs, idleSpanMs, manyCommands, waitShare } from '../../scheduler/loop.ts';
import { MemoryDisk, MemoryJournal } from '../../sim/kernel/memory-journal.ts';
import { VirtualClock } from '../../sim/kernel/virtual-clock.ts';
import { pi3, template } from './core/harness.ts';

const start = 1_800_000_000_000;
const hourMs = 3_600_000;

interface Started {
  readonly loop: Loop;
  readonly clock: VirtualClock;
  readonly effects: Effect[];
  readonly warnings: string[];
}

async function startLoop(disk: MemoryDisk, atMs: number): Promise<Started> {
  const clock = new VirtualClock(instant(atMs));
  const effects: Effect[] = [];
  const warnings: string[] = [];
  const loop = await Loop.start({
    journal: new MemoryJournal(disk),
    clock,
    sink: { carryOut: (some) => effects.push(...some) },
    onFatal: (error) => {
      throw error;
    },
    onWarning: (warning) => warnings.push(warning),
  });
  return { loop, clock, effects, warnings };
}

async function withNode(disk: MemoryDisk, inventory = pi3): Promise<void> {
  const { loop } = await startLoop(disk, start);
  const token = { tokenId: tokenId('t'), hash: 'h', role: 'node', name: '', uses: 1 } as const;
  const expiresAt = instant(start + hourMs);
  await loop.submit({ kind: 'setSite', siteId: siteId('s'), downBps: 1e6, upBps: 1e6, share: 1 });
  await loop.submit({ kind: 'createToken', ...token, siteId: siteId('s'), expiresAt });
  await loop.submit({
    ...{ kind: 'enrolNode', tokenHash: 'h', requestId: 'r', nodeId: nodeId('pi'), name: 'pi' },
    ...{ natsPublicKey: 'key', inventory },
  });
  await loop.submit({
    ...{ kind: 'nodeSpoke', nodeId: nodeId('pi'), instanceNumber: 1, instanceId: 'i', sequence: 1 },
    ...{ status: null, inventory: null, held: [], started: [], exited: [], ended: [] },
    ...{ transfersWanted: [], transfersDone: [] },
  });
  await loop.stop();
}

test.each([
  ['set back by an hour', -hourMs, 1],
  ['right', 10_000, 0],
])('after a restart with a clock that is %s a silent node is noticed in time', async (...row) => {
  const [, shiftMs, warningCount] = row;
  const disk = new MemoryDisk();
  await withNode(disk);
  const { loop, clock, warnings } = await startLoop(disk, start + shiftMs);
  expect(warnings).toHaveLength(warningCount);
  expect(loop.now()).toBeGreaterThanOrEqual(start);
  for (let second = 0; second < 600; second += 1) {
    clock.advanceTo(instant(clock.now() + 1_000));
    await new Promise(setImmediate);
  }
  expect(loop.view.node(nodeId('pi'))?.health).toBe('suspect');
  await loop.stop();
});

/** What is a fact each time that it is heard: the node was replaced by a newer instance of itself. */
function news(instanceNumber: number): NodeSpoke {
  const none = { started: [], exited: [], ended: [], transfersWanted: [], transfersDone: [] };
  return {
    ...{ kind: 'nodeSpoke', nodeId: nodeId('pi'), instanceNumber, instanceId: `${instanceNumber}` },
    ...{ sequence: 1, status: null, inventory: null, held: null, ...none },
  };
}

test('what nodes say after a quiet moment is on disk at once, and what follows gathers', async () => {
  const disk = new MemoryDisk();
  await withNode(disk);
  const { loop, clock } = await startLoop(disk, start + hourMs);
  const before = disk.batchCount;
  expect(loop.restMs()).toBe(0);
  loop.post(news(2));
  await new Promise(setImmediate);
  expect(disk.batchCount).toBe(before + 1);
  expect(loop.restMs()).toBe(batchSpanMs);
  for (const number of [3, 4, 5]) {
    loop.post(news(number));
    await new Promise(setImmediate);
  }
  expect(disk.batchCount).toBe(before + 1);
  clock.advanceTo(instant(clock.now() + batchSpanMs - 1));
  await new Promise(setImmediate);
  expect(disk.batchCount).toBe(before + 1);
  expect(loop.restMs()).toBe(1);
  clock.advanceTo(instant(clock.now() + 1));
  await new Promise(setImmediate);
  expect(disk.batchCount).toBe(before + 2);
  expect(loop.view.instanceOf(nodeId('pi'))).toBe('5');
  await loop.stop();
});

test('batches are further apart while many speak and no task waits for a place', async () => {
  const disk = new MemoryDisk();
  await withNode(disk);
  const { loop, clock } = await startLoop(disk, start + hourMs);
  const restAfter = async (commands: number): Promise<number> => {
    clock.advanceTo(instant(clock.now() + 2 * idleSpanMs));
    for (let at = 0; at < commands; at += 1) loop.post(news(2));
    await new Promise(setImmediate);
    return loop.restMs();
  };
  expect(await restAfter(manyCommands - 1)).toBe(batchSpanMs);
  expect(await restAfter(manyCommands)).toBe(idleSpanMs);
  const job = template({ taskCount: 100 });
  const asked = { jobId: jobId('j'), requestId: 'r', researcher: 'ada', template: job };
  await loop.submit({ kind: 'submitJob', ...asked });
  expect(await restAfter(manyCommands)).toBe(batchSpanMs);
  await loop.stop();
});

test.each([
  ['100 tasks whose words come all the time', 100, batchSpanMs],
  ['200 tasks whose words come some time', 200, (waitShare * 200 * idleSpanMs) / manyCommands],
  ['500 tasks whose words are far apart', 500, idleSpanMs],
])('batches of many words of %s are so far apart', async (_, leases, spanMs) => {
  const disk = new MemoryDisk();
  // One that runs and one that is staged for each.
  const slots = leases / 2;
  await withNode(disk, { ...pi3, slots, memoryBytes: 1e12, diskBytes: 1e12 });
  const { loop, clock, effects } = await startLoop(disk, start + hourMs);
  const job = template({ taskCount: 5_000 });
  const asked = { jobId: jobId('j'), requestId: 'r', researcher: 'ada', template: job };
  await loop.submit({ kind: 'submitJob', ...asked });
  const granted = (): number => effects.filter(({ kind }) => kind === 'grant').length;
  loop.post({ ...news(1), instanceId: 'i' });
  for (let look = 0; granted() < leases && look < 100; look += 1) {
    clock.advanceTo(instant(clock.now() + 1_000));
    await new Promise(setImmediate);
  }
  expect(granted()).toBe(leases);
  clock.advanceTo(instant(clock.now() + 2 * idleSpanMs));
  for (let at = 0; at < manyCommands; at += 1) loop.post({ ...news(1), instanceId: 'i' });
  await new Promise(setImmediate);
  expect(loop.restMs()).toBe(spanMs);
  await loop.stop();
});

test('a command with a caller waits for nobody, and takes along what has gathered', async () => {
  const disk = new MemoryDisk();
  await withNode(disk);
  const { loop } = await startLoop(disk, start + hourMs);
  const before = disk.batchCount;
  const rates = { downBps: 1e6, upBps: 1e6, share: 1 };
  await loop.submit({ kind: 'setSite', siteId: siteId('one'), ...rates });
  loop.post(news(2));
  await new Promise(setImmediate);
  expect(disk.batchCount).toBe(before + 1);
  await loop.submit({ kind: 'setSite', siteId: siteId('two'), ...rates });
  expect(disk.batchCount).toBe(before + 2);
  expect(loop.view.instanceOf(nodeId('pi'))).toBe('2');
  await loop.stop();
});

test('a loop that stops while commands gather ends at once, and drops them', async () => {
  const disk = new MemoryDisk();
  await withNode(disk);
  const { loop } = await startLoop(disk, start + hourMs);
  loop.post(news(2));
  await new Promise(setImmediate);
  const before = disk.batchCount;
  loop.post(news(3));
  await new Promise(setImmediate);
  await loop.stop();
  expect(disk.batchCount).toBe(before);
});

test('when the core fails, all callers of the batch hear it, and the process is told to stop', async () => {
  const fatal: Error[] = [];
  const loop = await Loop.start({
    journal: new MemoryJournal(new MemoryDisk()),
    clock: new VirtualClock(instant(start)),
    sink: { carryOut: () => undefined },
    onFatal: (error) => fatal.push(error),
    onWarning: () => undefined,
  });
  const rates = { downBps: 1e6, upBps: 1e6, share: 1 };
  const good = loop.submit({ kind: 'setSite', siteId: siteId('one'), ...rates });
  // As no command that the compiler lets through.
  const bad = loop.submit({ kind: 'unheard of' } as unknown as Command);
  for (const asked of [good, bad])
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  expect(fatal).toHaveLength(1);
});

// Nothing lost, nothing doubled, and after the faults stop it settles.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashOf } from '../../sim/world/sim-node.ts';
import { crash, fault, faultsUntilMs, numRuns } from './faults.ts';
import { ProtocolWorld, job } from './protocol-world.ts';
import type { WorldOptions } from './protocol-world.ts';

const hourMs = 3_600_000;

test('ends every task exactly once, and everybody forgets', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        faults: fc.array(fault, { minLength: 1, maxLength: 60 }),
        crashes: fc.array(crash, { maxLength: 8 }),
        tasks: fc.integer({ min: 1, max: 25 }),
        // A job that goes on for longer than a lost node stays away hears its late results.
        firstTaskMs: fc.constantFrom(3_000, 3_000, 50 * 60_000),
        // Where one node is slow, a backup attempt elsewhere wins.
        slowNode: fc.constantFrom(null, 'n0'),
      }),
      async (drawn) => {
        const { tasks } = drawn;
        const { it, federation, ledger, ...rest } = await settled(drawn);
        expect(rest).toMatchObject({ isSettled: true, state: 'succeeded', succeeded: tasks });
        expect([...ledger.ends.keys()].sort((a, b) => a - b)).toEqual(numbersTo(tasks));
        expect([...ledger.ends.values()].every((count) => count === 1)).toBe(true);
        const empty = { cpuSeconds: 0, downSeconds: 0, upSeconds: 0 };
        expect(await it.backlog()).toMatchObject(empty);
        for (const node of federation.nodes.values()) {
          expect(node.isQuarantined).toBe(false);
          expect(Math.max(0, ...node.runs.values())).toBeLessThanOrEqual(1);
        }
      },
    ),
    { numRuns },
  );
});

test('gives a task that fails its retries, and no more', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { minLength: 1, maxLength: 30 }),
      fc.array(crash, { maxLength: 4 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 }),
      async (faults, crashes, bad) => {
        const fails = (task: number): boolean => bad.includes(task);
        const isBad = bad.length > 0;
        const {
          it: _it,
          federation,
          ledger: _ledger,
          ...rest
        } = await settled({ faults, crashes, fails });
        const failed = new Set(bad).size;
        const state = isBad ? 'failed' : 'succeeded';
        expect(rest).toMatchObject({ isSettled: true, state, failed, succeeded: 10 - failed });
        for (const task of new Set(bad)) {
          // The last one may have left a backup attempt that failed, too.
          const { failures } = federation.scheduler.view.task(job, task) ?? {};
          expect([3, 4]).toContain(failures);
        }
      },
    ),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});

test('cancels a job at any moment, and everybody forgets', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 0, max: 40_000 }),
      async (faults, cancelMs) => {
        const it = await world({ faults });
        const { federation } = it;
        federation.after(cancelMs, () => {
          void federation.scheduler.submit({ kind: 'cancelJob', jobId: job });
        });
        expect(await it.settle(4 * hourMs)).toBe(true);
        const found = federation.scheduler.view.job(job);
        const { cancelled = 0, succeeded = 0 } = found?.counts ?? {};
        expect(cancelled + succeeded).toBe(10);
      },
    ),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});

test('takes results that come too late for what they are', async () => {
  const away = { kind: 'node' as const, node: 1, atMs: 3_000, awayMs: 40 * 60_000 };
  const it = await world({ crashes: [away], firstTaskMs: 50 * 60_000 });
  expect(await it.settle(4 * hourMs)).toBe(true);
  const started = [...it.federation.nodes.values()].flatMap((node) => [...node.runs.keys()]);
  expect(started.length).toBeGreaterThan(10);
  expect([...it.ledger.ends.values()]).toEqual(new Array(10).fill(1));
});

test('a backup attempt ends a task that a broken node would hold for an hour', async () => {
  const it = await world({ firstTaskMs: hourMs, slowNode: 'n0' });
  const start = it.federation.clock.now();
  expect(await it.settle(4 * hourMs)).toBe(true);
  expect(it.federation.clock.now() - start).toBeLessThan(3 * 60_000);
  const { scheduler } = it.federation;
  expect(scheduler.view.task(job, 0)?.nodeName).not.toBe('n0');
  expect([...it.ledger.ends.values()]).toEqual(new Array(10).fill(1));
});

test('asks again for a result whose blob is gone', async () => {
  const it = await world({ tasks: 2 });
  const { scheduler, clock } = it.federation;
  // The blob of the first attempt with a result vanishes as often as it comes, for a minute.
  const until = clock.now() + 60_000;
  const lose = (): void => {
    scheduler.loseBlob(hashOf(2));
    if (clock.now() < until) it.federation.after(10, lose);
  };
  lose();
  expect(await it.settle(hourMs)).toBe(true);
  expect(clock.now()).toBeGreaterThan(until);
  expect(scheduler.view.job(job)?.counts.succeeded).toBe(2);
});

test('without faults finishes in about the time that the slots need', async () => {
  const it = await world({ tasks: 60 });
  const start = it.federation.clock.now();
  expect(await it.settle(hourMs)).toBe(true);
  // 60 tasks of about 3.4 s on 6 slots, inputs of 0.4 s two at a time.
  expect(it.federation.clock.now() - start).toBeLessThan(60_000);
});

function world(changes: Partial<WorldOptions>): Promise<ProtocolWorld> {
  return ProtocolWorld.make({
    nodes: 3,
    tasks: 10,
    faults: [],
    faultsUntilMs,
    crashes: [],
    firstTaskMs: 3_000,
    slowNode: null,
    fails: () => false,
    ...changes,
  });
}

async function settled(changes: Partial<WorldOptions>) {
  const it = await world(changes);
  const isSettled = await it.settle(4 * hourMs);
  const { federation, ledger } = it;
  const found = federation.scheduler.isUp ? federation.scheduler.view.job(job) : undefined;
  const { succeeded, failed } = found?.counts ?? {};
  return { it, federation, ledger, isSettled, state: found?.state, succeeded, failed };
}

function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

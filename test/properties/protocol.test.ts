// Nothing lost, nothing doubled, and after the faults stop it settles.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobId } from '../../scheduler/core/index.ts';
import { ProtocolWorld } from './protocol-world.ts';

const fault = fc.record({
  isLost: fc.boolean(),
  copies: fc.integer({ min: 1, max: 3 }),
  delayMs: fc.integer({ min: 0, max: 20_000 }),
});

const crash = fc.record({
  atMs: fc.integer({ min: 0, max: 120_000 }),
  who: fc.oneof(fc.constant('scheduler' as const), fc.integer({ min: 0, max: 2 })),
});

describe('the protocol over a bad bus, with crashes', () => {
  it('ends every task exactly once, and everybody forgets', () => {
    fc.assert(
      fc.property(
        fc.array(fault, { minLength: 1, maxLength: 60 }),
        fc.array(crash, { maxLength: 8 }),
        fc.integer({ min: 1, max: 25 }),
        (faults, crashes, tasks) => {
          const world = new ProtocolWorld({
            nodes: 3,
            tasks,
            faults,
            faultsUntilMs: 120_000,
            crashes,
            fails: () => false,
          });
          const isSettled = world.runFor(4 * 3_600_000);
          const job = world.state.jobById.get(jobId('job'));
          expect({ isSettled, state: job?.state, succeeded: job?.succeeded }).toEqual({
            isSettled: true,
            state: 'succeeded',
            succeeded: tasks,
          });
          expect([...world.ends.values()].every((count) => count === 1)).toBe(true);
          expect(world.ends.size).toBe(tasks);
          expect(world.state.leases.size).toBe(0);
          const site = world.state.sites[0];
          expect(site).toMatchObject({ pendingWorkGhzSeconds: 0, pendingDownBytes: 0 });
        },
      ),
      { numRuns: Number(process.env['PUNNET_PROPERTY_RUNS'] ?? 150) },
    );
  });

  it('without faults finishes in about the time that the slots need', () => {
    const world = new ProtocolWorld({
      nodes: 3,
      tasks: 60,
      faults: [],
      faultsUntilMs: 0,
      crashes: [],
      fails: () => false,
    });
    const start = world.nowMs;
    expect(world.runFor(3_600_000)).toBe(true);
    // 60 tasks of about 3.4 s on 6 slots, inputs of 0.4 s two at a time.
    expect(world.nowMs - start).toBeLessThan(60_000);
  });
});

// Whatever the bus, the disks and the processes do: once the faults are over, exactly as many replicas
// of a service run as were asked for, each once, and all of them are those that the scheduler counts.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Crash } from './protocol-world.ts';
import { ProtocolWorld, job } from './protocol-world.ts';
import { crash, fault, faultsUntilMs, numRuns } from './faults.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;
/** Of an attempt that ends. */
const longestMs = 5 * minuteMs;
const forEver = 1e12;

test('runs exactly the replicas that were asked for, after the faults', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        faults: fc.array(fault, { minLength: 1, maxLength: 60 }),
        crashes: fc.array(crash, { maxLength: 8 }),
        replicas: fc.integer({ min: 1, max: 6 }),
        // How attempts end that start among the faults, in turn.
        runs: fc.array(fc.constantFrom(1_000, 30_000, longestMs, forEver), { minLength: 1 }),
        fails: fc.boolean(),
      }),
      async ({ faults, crashes, replicas, runs, fails }) => {
        const world = await ProtocolWorld.make({
          ...{ nodes: 3, tasks: replicas, faults, crashes, faultsUntilMs },
          ...{ firstTaskMs: 0, slowNode: null, fails: () => fails },
          runMsOf: (leaseId, sinceMs) =>
            sinceMs > faultsUntilMs ? forEver : (runs[leaseId % runs.length] ?? forEver),
          template: {
            ...{ outputs: [], taskInputBytes: [] },
            service: { rates: { cpuGhz: 0.5, downBps: 1_000, upBps: 1_000 } },
          },
        });
        const { federation } = world;
        await federation.runUntil(() => false, quietAfterMs(crashes));
        expect(await federation.runUntil(() => isWhole(world, replicas), 2 * hourMs)).toBe(true);
        const whole = running(world).join();
        expect(await federation.runUntil(() => running(world).join() !== whole, hourMs)).toBe(
          false,
        );
        for (const node of federation.nodes.values()) {
          expect(Math.max(0, ...node.runs.values())).toBeLessThanOrEqual(1);
        }
      },
    ),
    // Hours of virtual time, second by second.
    { numRuns: Math.ceil(numRuns / 6) },
  );
});

/** When the last node is back, and the last attempt that ends has ended. */
function quietAfterMs(crashes: readonly Crash[]): number {
  const ends = crashes.map((each) => (each.kind === 'node' ? each.atMs + each.awayMs : 0));
  return longestMs + Math.max(faultsUntilMs, ...ends);
}

/** What runs is what the scheduler says, and each replica once. */
function isWhole(world: ProtocolWorld, replicas: number): boolean {
  const { scheduler } = world.federation;
  if (!scheduler.isUp) return false;
  const tasks = scheduler.view.tasks({ jobId: job, phase: 'running', from: 0, limit: 100 });
  const counted = tasks.map((task) => `${task.index} ${task.nodeName}`).sort();
  return counted.length === replicas && running(world).join() === counted.join();
}

/** Replicas whose process runs, and where: of lost nodes too. */
function running({ federation }: ProtocolWorld): readonly string[] {
  const nodes = [...federation.nodes.values()];
  return nodes
    .flatMap((node) => node.running.map((lease) => `${lease.taskIndex} ${node.id}`))
    .sort();
}

// Whatever the bus, the disks and the processes do, and however the service is changed meanwhile: once
// the faults are over, exactly as many replicas run as were asked for last, each once, with the program
// that was asked for last, and all of them are those that the scheduler counts.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobTemplate } from '../../scheduler/core/index.ts';
import { template } from '../scheduler/core/harness.ts';
import { crash, fault, faultsUntilMs, numRuns } from './faults.ts';
import type { Crash } from './protocol-world.ts';
import { ProtocolWorld, job } from './protocol-world.ts';

const minuteMs = 60_000;
/** Of an attempt that ends. */
const longestMs = 5 * minuteMs;
const forEver = 1e12;

const replicas = fc.integer({ min: 1, max: 6 });
const change = fc.record({
  afterMs: fc.integer({ min: 0, max: 60_000 }),
  replicas,
  program: fc.constantFrom('one', 'two'),
});
const drawing = fc.record({
  faults: fc.array(fault, { minLength: 1, maxLength: 60 }),
  crashes: fc.array(crash, { maxLength: 8 }),
  replicas,
  changes: fc.array(change, { maxLength: 3 }),
  // How attempts end that start among the faults, in turn.
  runs: fc.array(fc.constantFrom(1_000, 30_000, longestMs, forEver), { minLength: 1 }),
  fails: fc.boolean(),
});
type Drawn = typeof drawing extends fc.Arbitrary<infer T> ? T : never;

test('runs exactly the replicas that were asked for, after the faults', async () => {
  await fc.assert(
    fc.asyncProperty(drawing, async (drawn) => {
      const world = await worldOf(drawn);
      const { federation } = world;
      const wanted = drawn.changes.at(-1) ?? { replicas: drawn.replicas, program: 'one' };
      let isChanged = false;
      makeChanges(world, drawn.changes, () => {
        isChanged = true;
      });
      await federation.runUntil(() => false, quietAfterMs(drawn.crashes));
      const isWhole = (): boolean => isChanged && isAsWanted(world, wanted);
      expect(await federation.runUntil(isWhole, 120 * minuteMs)).toBe(true);
      const whole = running(world).join();
      const isOther = (): boolean => running(world).join() !== whole;
      expect(await federation.runUntil(isOther, 10 * minuteMs)).toBe(false);
      for (const node of federation.nodes.values()) {
        expect(Math.max(0, ...node.runs.values())).toBeLessThanOrEqual(1);
      }
    }),
    // Hours of virtual time, second by second.
    { numRuns: Math.ceil(numRuns / 6) },
  );
});

function serviceOf(what: { readonly replicas: number; readonly program: string }): JobTemplate {
  return template({
    ...{ taskCount: what.replicas, command: [what.program], outputs: [] },
    service: { rates: { cpuGhz: 0.5, downBps: 1_000, upBps: 1_000 } },
  });
}

function worldOf(drawn: Drawn): Promise<ProtocolWorld> {
  const { faults, crashes, runs, fails } = drawn;
  return ProtocolWorld.make({
    ...{ nodes: 3, tasks: drawn.replicas, faults, crashes, faultsUntilMs },
    ...{ firstTaskMs: 0, slowNode: null, fails: () => fails },
    runMsOf: (leaseId, sinceMs) =>
      sinceMs > faultsUntilMs ? forEver : (runs[leaseId % runs.length] ?? forEver),
    template: serviceOf({ replicas: drawn.replicas, program: 'one' }),
  });
}

/** One after the other, each some time after the one before was answered. */
function makeChanges(world: ProtocolWorld, changes: Drawn['changes'], then: () => void): void {
  const [next, ...rest] = changes;
  if (next === undefined) return then();
  const requestId = `${rest.length} are left`;
  const command = { kind: 'updateJob', jobId: job, requestId, template: serviceOf(next) } as const;
  world.federation.after(next.afterMs, () =>
    world.insist(command, () => makeChanges(world, rest, then)),
  );
}

/** When the last node is back, and the last attempt that ends has ended. */
function quietAfterMs(crashes: readonly Crash[]): number {
  const ends = crashes.map((each) => (each.kind === 'node' ? each.atMs + each.awayMs : 0));
  return longestMs + Math.max(faultsUntilMs, ...ends);
}

/** What runs is what the scheduler says, and each replica once. */
function isAsWanted(
  world: ProtocolWorld,
  wanted: { readonly replicas: number; readonly program: string },
): boolean {
  const { scheduler } = world.federation;
  if (!scheduler.isUp || scheduler.view.job(job)?.rollout !== '') return false;
  const tasks = scheduler.view.tasks({ jobId: job, phase: 'running', from: 0, limit: 100 });
  const counted = tasks.map((task) => `${task.index} ${wanted.program} ${task.nodeName}`).sort();
  return counted.length === wanted.replicas && running(world).join() === counted.join();
}

/** Replicas whose process runs, what it is, and where: on lost nodes too. */
function running({ federation }: ProtocolWorld): readonly string[] {
  const nodes = [...federation.nodes.values()];
  return nodes
    .flatMap((node) =>
      node.running.map(({ taskIndex, command }) => `${taskIndex} ${command[0]} ${node.id}`),
    )
    .sort();
}

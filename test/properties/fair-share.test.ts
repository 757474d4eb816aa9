// Two researchers of equal weight, an hour of load on a simulated federation with the real loops:
// nodes of four speeds behind four uplinks, tasks of lengths that nobody declared right.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instant, jobId, nodeId, siteId, tokenId } from '../../scheduler/core/index.ts';
import { MemoryDisk } from '../../sim/kernel/memory-journal.ts';
import { SimFederation } from '../../sim/world/federation.ts';
import { pi3, template } from '../scheduler/core/harness.ts';
import { leaseOf, startMs } from './protocol-world.ts';
import { propertyRuns } from '../property-runs.ts';

/** An hour takes five seconds, on a busy machine twenty times as long; `npm run fuzz` asks for more of them. */
const numRuns = Math.ceil(propertyRuns(60) / 60);
const hourMs = 3_600_000;
const speeds = [0.4, 0.57, 0.76, 1.2];
const slots = 2;
const jobs = [
  { name: 'ada long', researcher: 'ada', work: 120, inputBytes: 10_000 },
  { name: 'ada short', researcher: 'ada', work: 30, inputBytes: 10_000 },
  { name: 'bob', researcher: 'bob', work: 60, inputBytes: 200_000 },
] as const;

interface Drawn {
  /** What each task takes, in parts of what was declared; in turn. */
  readonly lengths: readonly number[];
  /** When bob comes. */
  readonly laterMs: number;
}

// fast-check prints the seed of a run that fails.
test('gets shares of the federation that differ by under 5 %', { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        lengths: fc.array(fc.double({ min: 0.5, max: 1.5, noNaN: true }), {
          minLength: 20,
          maxLength: 20,
        }),
        laterMs: fc.integer({ min: 0, max: 60_000 }),
      }),
      async (drawn) => {
        const federation = await load(drawn);
        await federation.runUntil(() => false, hourMs);
        const shares = federation.scheduler.view.shares();
        const [ada, bob] = ['ada', 'bob'].map((name) =>
          shares.find((share) => share.name === name),
        );
        if (ada === undefined || bob === undefined) throw new Error('somebody got nothing');
        expect(Math.min(ada.waitingTasks, bob.waitingTasks)).toBeGreaterThan(0);
        // Nearly all that the slots can do in an hour was used.
        const capacity =
          (slots * 4 * speeds.reduce((sum, speed) => sum + speed, 0) * hourMs) / 1_000;
        expect(ada.workGhzSeconds + bob.workGhzSeconds).toBeGreaterThan(0.8 * capacity);
        const apart = Math.abs(ada.dominant - bob.dominant) / (ada.dominant + bob.dominant);
        expect(apart).toBeLessThan(0.05);
      },
    ),
    { numRuns },
  );
});

async function load({ lengths, laterMs }: Drawn): Promise<SimFederation> {
  const federation = new SimFederation({
    start: instant(startMs),
    disk: new MemoryDisk(),
    fateOf: () => [20],
    appendFateOf: () => 'kept',
    schedulerAwayMs: 0,
    batchesBetweenSnapshots: 1e9,
    composeLease: leaseOf,
    behaviourOf: (node, lease) => {
      const job = jobs.find(({ name }) => name === lease.jobId);
      const length = lengths[lease.taskIndex % lengths.length] ?? 1;
      const runMs = ((job?.work ?? 1) * length * 1_000) / speedOf(node);
      return { fetchMs: 2_000, runMs, uploadMs: 500, code: 'succeeded', resultBytes: 0 };
    },
  });
  await federation.scheduler.start();
  for (const site of speeds.keys()) await addSite(federation, site);
  await federation.runUntil(() => false, 1_000);
  for (const job of jobs) {
    const waitMs = job.researcher === 'bob' ? laterMs : 0;
    federation.after(waitMs, () => void submit(federation, job));
  }
  return federation;
}

/** Each site has a node of each speed. */
async function addSite(federation: SimFederation, site: number): Promise<void> {
  const { scheduler } = federation;
  const name = `site ${site}`;
  const bps = 2e6 * 4 ** site;
  await scheduler.submit({
    kind: 'setSite',
    siteId: siteId(name),
    downBps: bps,
    upBps: bps,
    share: 1,
  });
  const expiresAt = instant(startMs + hourMs);
  await scheduler.submit({
    ...{ kind: 'createToken', tokenId: tokenId(name), hash: name, role: 'node', name: '' },
    ...{ siteId: siteId(name), expiresAt, uses: speeds.length },
  });
  for (const speedGhz of speeds) {
    const id = `n${site} ${speedGhz}`;
    await scheduler.submit({
      ...{ kind: 'enrolNode', tokenHash: name, requestId: id, nodeId: nodeId(id), name: id },
      ...{ natsPublicKey: id, inventory: { ...pi3, slots, speedGhz } },
    });
    federation.addNode(id, slots).start();
  }
}

function speedOf(node: string): number {
  return Number(node.split(' ')[1]);
}

async function submit(federation: SimFederation, job: (typeof jobs)[number]): Promise<void> {
  const { name, researcher, work, inputBytes } = job;
  const taskCount = 2_000;
  await federation.scheduler.submit({
    ...{ kind: 'submitJob', jobId: jobId(name), researcher, requestId: name },
    template: template({
      ...{ name, taskCount, taskInputBytes: new Array<number>(taskCount).fill(inputBytes) },
      profile: { workGhzSeconds: work, outputBytes: 0 },
    }),
  });
}

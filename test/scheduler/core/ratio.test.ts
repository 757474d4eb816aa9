// The ratio policy: when a plan is asked for, what it makes of it, and what happens without one.

import { describe, expect, it, vi } from 'vitest';
import { openHighs } from '../../../scheduler/adapters/plan/highs.ts';
import type { Inventory, JobTemplate, LeaseId } from '../../../scheduler/core/index.ts';
import { imageOf, instant, jobId, leaseId } from '../../../scheduler/core/index.ts';
import { policyMakers, stateOf } from '../../../scheduler/core/index.ts';
import { pilotTasks, pilotsAtATime, planDrift } from '../../../scheduler/core/limits.ts';
import { planEveryMs, planPatienceMs, planSoonMs } from '../../../scheduler/core/limits.ts';
import { refusePilot } from '../../../scheduler/core/placement/pilots.ts';
import { reasonCodes } from '../../../scheduler/core/placement/reasons.ts';
import { Round } from '../../../scheduler/core/placement/round.ts';
import { CoreHarness, heldBy, pi3, template } from './harness.ts';

const solve = await openHighs();

function ratio() {
  const maker = policyMakers.get('ratio');
  if (maker === undefined) throw new Error('there is no policy ratio');
  return maker.make(0);
}

/** Solves what is asked for; returns how many were. */
function answer(core: CoreHarness): number {
  const asked = core.take('solvePlan');
  for (const { planId, program } of asked) {
    core.give({ kind: 'planSolved', planId, solution: solve(program) });
  }
  return asked.length;
}

function twoSites(): CoreHarness {
  const core = new CoreHarness();
  core.policy = ratio();
  core.setSite('thin', 0.05e6);
  core.setSite('fat', 100e6);
  for (const site of ['thin', 'fat']) core.node(`pi at ${site}`, site);
  return core;
}

function data(tasks: number, workGhzSeconds = 60): Partial<JobTemplate> {
  const taskInputBytes = new Array<number>(tasks).fill(5_000_000);
  return { taskCount: tasks, taskInputBytes, profile: { workGhzSeconds, outputBytes: 0 } };
}

function cpu(tasks: number, workGhzSeconds = 60): Partial<JobTemplate> {
  return { taskCount: tasks, profile: { workGhzSeconds, outputBytes: 0 } };
}

/** Both jobs wait when the first plan is asked for. */
function withBoth(): CoreHarness {
  const core = twoSites();
  core.submit('data', data(200));
  core.submit('cpu', cpu(200));
  answer(core);
  core.wait(planEveryMs);
  answer(core);
  return core;
}

function placed(core: CoreHarness): readonly string[] {
  return core.take('grant').map((grant) => `${grant.jobId} ${grant.nodeId}`);
}

describe('a plan', () => {
  it('is asked for at once, and the first one is waited for', () => {
    const core = twoSites();
    core.submit('data', data(100));
    expect(placed(core)).toEqual([]);
    expect(core.view.explain(jobId('data'), null)?.summary).toContain('is being solved');
    expect(answer(core)).toBe(1);
    expect(placed(core).length).toBeGreaterThan(0);
  });

  it('is not waited for long: the balance rule places instead', () => {
    const core = twoSites();
    core.submit('cpu', cpu(100));
    core.wait(planEveryMs);
    core.wait(1_000);
    expect(placed(core).length).toBeGreaterThan(0);
    // Nobody answered: it is asked for again.
    core.take('solvePlan');
    core.wait(planPatienceMs);
    expect(core.take('solvePlan')).toHaveLength(1);
  });

  it('that could not be solved leaves the balance rule', () => {
    const core = twoSites();
    core.submit('cpu', cpu(100));
    const [asked] = core.take('solvePlan');
    core.give({ kind: 'planFailed', planId: asked?.planId ?? -1 });
    expect(placed(core).length).toBeGreaterThan(0);
    expect(core.state.plan).toBeNull();
  });

  it('that is older than the last one asked for counts for nothing', () => {
    const core = twoSites();
    core.submit('cpu', cpu(100));
    const [asked] = core.take('solvePlan');
    if (asked === undefined) throw new Error('no plan was asked for');
    core.wait(planPatienceMs);
    core.give({ kind: 'planSolved', planId: asked.planId, solution: solve(asked.program) });
    expect(core.state.plan).toBeNull();
    answer(core);
    expect(core.state.plan).not.toBeNull();
  });
});

describe('another plan', () => {
  it('is asked for again only when the backlog or the rates have changed by a twentieth', () => {
    const core = withBoth();
    const [held] = core.take('grant');
    expect(held).toBeDefined();
    for (let look = 0; look < 5; look += 1) core.wait(planEveryMs);
    expect(core.take('solvePlan')).toHaveLength(0);
    core.setSite('fat', 100e6 * (1 + 1.5 * planDrift));
    core.wait(planEveryMs);
    expect(answer(core)).toBe(1);
  });

  it('is asked for soon when a job comes, and not for each of many', () => {
    const core = withBoth();
    core.wait(planSoonMs);
    core.submit('one', data(10));
    expect(answer(core)).toBe(1);
    core.submit('another', data(10));
    core.submit('a third', data(10));
    expect(core.take('solvePlan')).toHaveLength(0);
    core.wait(planSoonMs - 1);
    expect(core.take('solvePlan')).toHaveLength(0);
    core.wait(1);
    expect(answer(core)).toBe(1);
  });

  it('is asked for soon when a task failed and waits as it did before', () => {
    const core = twoSites();
    core.submit('one', { ...cpu(2), retries: 1 });
    answer(core);
    const [grant] = core.take('grant');
    if (grant === undefined) throw new Error('nothing was placed');
    core.wait(planSoonMs);
    core.end(grant.nodeId, grant.leaseId, 'exited');
    expect(answer(core)).toBe(1);
    expect(placed(core)).toHaveLength(1);
  });

  it('is soft: a restart from a snapshot has none, and asks for one', () => {
    const core = withBoth();
    core.state = stateOf(imageOf(core.state));
    expect(core.state.plan).toBeNull();
    for (const node of core.state.nodes) core.speak(node.nodeId, { held: heldBy(node) });
    core.wait(planEveryMs);
    expect(core.take('solvePlan')).toHaveLength(1);
  });
});

describe('ratio', () => {
  it('gives the thin line what needs no bytes, and the fat one the rest', () => {
    const core = withBoth();
    const all = [...placed(core)];
    for (let round = 0; round < 12; round += 1) {
      for (const node of core.state.nodes) {
        for (const leaseId of heldBy(node).slice(0, 4)) {
          core.nowMs += 10_000;
          core.end(node.nodeId, leaseId, 'succeeded');
          answer(core);
        }
      }
      all.push(...placed(core));
    }
    const count = (what: string): number => all.filter((each) => each === what).length;
    expect(count('data pi at thin')).toBeLessThan(4);
    expect(count('cpu pi at thin')).toBeGreaterThan(40);
    expect(count('data pi at fat')).toBeGreaterThan(40);
  });

  it('says what binds the sites, their ratio and the intensity of the task', () => {
    const core = withBoth();
    const atFat = core.state.nodes[1]?.number;
    const task = [...core.state.leases.values()].find(
      (lease) => lease.jobNumber === 0 && lease.nodeNumber === atFat,
    );
    const text = core.view.task(jobId('data'), task?.taskIndex ?? -1)?.placement;
    expect(text).toMatch(
      /furthest behind its share in the plan .* where CPU is scarcest: the site has 0\.021 Gbit\/s down for each GHz, the task needs 0\.00067 Gbit\/s/,
    );
  });

  it('says to a job that waits that the plan gives it to other sites', () => {
    const core = twoSites();
    core.submit('data', data(200));
    core.submit('cpu', cpu(200));
    answer(core);
    core.wait(planEveryMs);
    answer(core);
    for (const leaseId of heldBy(core.state.nodes[0])) {
      core.end('pi at thin', leaseId, 'succeeded');
    }
    const refusals = core.view.explain(jobId('data'), null)?.refusals.map(({ code }) => code);
    expect(refusals).toContain('busy');
  });

  it('leaves a slow slot idle rather than let it end after everything else', () => {
    const core = new CoreHarness();
    core.policy = ratio();
    core.setSite('home', 100e6);
    core.node('slow', 'home', { ...pi3, slots: 1, speedGhz: 0.1 });
    core.node('fast', 'home', { ...pi3, slots: 4, speedGhz: 1.2 });
    core.submit('tail', cpu(6, 120));
    answer(core);
    core.wait(planEveryMs);
    answer(core);
    // The fast one has done all six in 200 s; the slow one would take 1,200 for one.
    expect(placed(core)).toEqual(new Array<string>(6).fill('tail fast'));
  });
});

describe('a busy line', () => {
  // Each takes the line 40 s, and three may go in any case: the fourth is there after 160 s.
  it.each([
    [120, 100, 3],
    [300, 250, 4],
  ])('behind tasks of %i GHz·s, %i s, fetches %i that are hard on the line', (work, _, staged) => {
    const core = new CoreHarness();
    core.policy = ratio();
    core.setSite('home', 1e6);
    core.node('pi', 'home');
    core.submit('cpu', cpu(4, work));
    answer(core);
    core.speak('pi', { started: heldBy(core.state.nodes[0]) });
    core.submit('data', data(100));
    core.wait(planEveryMs);
    answer(core);
    expect(placed(core).filter((each) => each === 'data pi')).toHaveLength(staged);
  });
});

const zero: Inventory = { ...pi3, model: 'Raspberry Pi Zero W', architecture: 'armv6l' };
const unknown = { taskCount: 100, profile: { workGhzSeconds: null, outputBytes: null } };

function leases(core: CoreHarness): readonly (readonly [string, LeaseId])[] {
  return core.state.nodes.flatMap((node) =>
    heldBy(node).map((leaseId) => [node.nodeId, leaseId] as const),
  );
}

describe('a job that nobody knows', () => {
  it('shows what it costs on nodes of each kind first; then it is planned with that', () => {
    const core = twoSites();
    core.node('zero', 'fat', { ...zero, slots: 4 });
    core.submitAll({ known: cpu(100), unknown });
    expect(placed(core)).toHaveLength(2 * pilotTasks);
    expect(core.view.explain(jobId('unknown'), null)?.summary).toContain('nobody knows yet');
    answer(core);
    expect(placed(core).filter((each) => each.startsWith('unknown'))).toEqual([]);
    const pilots = leases(core).filter(([, id]) => core.state.leases.get(id)?.jobNumber === 1);
    for (const [name, id] of pilots.slice(0, pilotTasks)) core.end(name, id, 'succeeded');
    core.wait(planEveryMs);
    expect(answer(core)).toBe(1);
    expect(core.state.plan?.classOf.has(1)).toBe(true);
    expect(placed(core).some((each) => each.startsWith('unknown'))).toBe(true);
  });

  it('is not waited for when it is of a few tasks', () => {
    const core = twoSites();
    core.submit('unknown', { ...unknown, taskCount: pilotsAtATime });
    answer(core);
    expect(placed(core).length).toBeGreaterThan(pilotTasks);
  });

  it('has what would be idle until they have ended, and no place behind a task', () => {
    const core = twoSites();
    core.submit('unknown', unknown);
    core.wait(60_000);
    expect(leases(core)).toHaveLength(2 * pi3.slots);
  });

  it('is tried further when a task fails', () => {
    const core = twoSites();
    core.submit('unknown', { ...unknown, retries: 100 });
    const [first, ...others] = leases(core);
    expect(others).toHaveLength(2 * pi3.slots - 1);
    core.end(...(first ?? ['', leaseId(0)]), 'exited');
    core.wait(60_000);
    expect(leases(core)).toHaveLength(2 * pi3.slots);
  });
});

describe('pilots', () => {
  it('have the slots that a quota keeps from the tasks of another', () => {
    const core = twoSites();
    core.submit('first', { taskCount: 1 });
    core.give({ kind: 'setResearcher', name: 'ada', settings: { maxLeases: 2 } });
    core.submit('known', cpu(100));
    core.researcher('eve');
    const about = { jobId: jobId('unknown'), researcher: 'eve', requestId: 'unknown' } as const;
    core.give({ kind: 'submitJob', ...about, template: template(unknown) });
    for (let look = 0; look < 20; look += 1) {
      core.wait(planEveryMs);
      answer(core);
    }
    expect(leases(core)).toHaveLength(2 * pi3.slots);
  });

  it('are counted before they are looked for among all tasks of the job', () => {
    const core = twoSites();
    core.submit('unknown', unknown);
    core.wait(60_000);
    const round = new Round(core.state, { now: instant(core.nowMs), policy: core.policy });
    const looks = vi.spyOn(round, 'pilots');
    const [job] = core.state.jobs.values();
    const [node] = core.state.nodes;
    if (job === undefined || node === undefined) throw new Error('there is no job, or no node');
    for (let given = job.leased; given <= pilotsAtATime; given += 1) {
      const option = round.optionOf(job, given, node);
      const isFull = given === pilotsAtATime;
      looks.mockClear();
      expect(refusePilot(option, round)?.code).toBe('pilot');
      expect(looks).toHaveBeenCalledTimes(isFull ? 0 : 1);
      round.give({ option, reason: reasonCodes.policy });
    }
  });
});

// Whose turn it is: fair share over CPU and uplink, weights, priority, age, quotas.

import { expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { instant, jobId, stateOf, imageOf } from '../../../scheduler/core/index.ts';
import { noRates } from '../../../scheduler/core/model/service.ts';
import type { Usage } from '../../../scheduler/core/queue/share.ts';
import { shareOf, usageAt } from '../../../scheduler/core/queue/share.ts';
import { CoreHarness, heldBy, pi3, template } from './harness.ts';

const dayMs = 24 * 3_600_000;
const nothing = { workGhzSeconds: 0, bits: 0 };

test('what was used counts half a day later', () => {
  const usage: Usage = { workGhzSeconds: 800, bits: 400, at: instant(dayMs), rates: noRates };
  const later = usageAt(usage, instant(2 * dayMs), { workGhzSeconds: 1, bits: 2 });
  expect(later).toEqual({ workGhzSeconds: 401, bits: 202, at: 2 * dayMs, rates: noRates });
});

test('whoever always had all has a share of 1, of the resource that was used most', () => {
  const spanSeconds = dayMs / 1000 / Math.LN2;
  const used = { workGhzSeconds: 5 * spanSeconds, bits: 1e6 * spanSeconds };
  const usage = { ...used, at: instant(0), rates: noRates };
  const capacity = { cpuGhz: 10, linkBps: 1e6 };
  const share = shareOf(usage, { claim: nothing, capacity, weight: 1 });
  expect(share.cpu).toBeCloseTo(0.5);
  expect(share.link).toBeCloseTo(1);
  expect(share.dominant).toBeCloseTo(1);
  expect(shareOf(usage, { claim: nothing, capacity, weight: 2 }).dominant).toBeCloseTo(0.5);
});

/** A federation on which tasks of a minute run for a while; counts what each researcher got. */
class Load {
  readonly core = new CoreHarness();
  readonly #running = new Map<number, number>();
  readonly ended = new Map<string, number>();

  constructor(nodes = 4) {
    this.core.setSite('home', 100e6);
    for (let node = 0; node < nodes; node += 1) this.core.node(`pi ${node}`, 'home', pi3);
  }

  submit(researcher: string, name: string, changes: Partial<JobTemplate> = {}): void {
    const job = template({ name, taskCount: 5_000, ...changes });
    this.core.give({
      ...{ kind: 'submitJob', jobId: jobId(name), researcher, requestId: name },
      template: job,
    });
  }

  /** Each task runs for a minute on its node, one a slot. */
  run(minutes: number): void {
    for (let minute = 0; minute < minutes; minute += 1) {
      this.core.wait(60_000);
      for (const { nodeId, leaseId } of this.core.take('grant')) {
        this.core.speak(nodeId, { started: [leaseId] });
        this.#running.set(leaseId, minute);
      }
      for (const node of this.core.state.nodes) {
        for (const leaseId of heldBy(node).slice(0, 4)) this.#end(node.nodeId, leaseId);
      }
    }
  }

  #end(nodeId: string, leaseId: Parameters<CoreHarness['end']>[1]): void {
    const job = this.core.view.lease(leaseId)?.jobId;
    const who = job === undefined ? '' : (this.core.view.job(job)?.researcher ?? '');
    this.ended.set(who, (this.ended.get(who) ?? 0) + 1);
    this.core.end(nodeId, leaseId, 'succeeded');
  }

  set(name: string, settings: { weight?: number; maxLeases?: number; maxWaitingTasks?: number }) {
    this.core.researcher(name);
    return this.core.give({ kind: 'setResearcher', name, settings });
  }
}

test('two researchers with equal weights get equal shares within 5 % over an hour', () => {
  const load = new Load();
  load.submit('ada', 'first');
  load.submit('ada', 'second');
  load.submit('bob', 'only');
  load.run(60);
  const [ada = 0, bob = 0] = [load.ended.get('ada'), load.ended.get('bob')];
  expect(ada + bob).toBeGreaterThan(900);
  expect(Math.abs(ada - bob) / (ada + bob)).toBeLessThan(0.05);
});

test('twice the weight is twice the share', () => {
  const load = new Load();
  load.set('ada', { weight: 2 });
  load.submit('bob', 'one');
  load.submit('ada', 'two');
  load.run(60);
  const [ada = 0, bob = 0] = [load.ended.get('ada'), load.ended.get('bob')];
  expect(ada / bob).toBeGreaterThan(1.9);
  expect(ada / bob).toBeLessThan(2.1);
});

test('whoever comes later catches up with what the other has used, and no more', () => {
  const load = new Load();
  load.submit('ada', 'one');
  load.run(30);
  const before = load.ended.get('ada') ?? 0;
  load.submit('bob', 'two');
  load.run(20);
  expect(load.ended.get('bob')).toBeGreaterThan(20 * 16 * 0.85);
  load.run(60);
  const [ada = 0, bob = 0] = [load.ended.get('ada'), load.ended.get('bob')];
  expect(before).toBeGreaterThan(400);
  expect(Math.abs(ada - bob) / (ada + bob)).toBeLessThan(0.05);
});

test('the uplink counts as much as the CPU', () => {
  const load = new Load();
  const bytes = new Array<number>(5_000).fill(100e6);
  load.submit('ada', 'data', {
    taskInputBytes: bytes,
    profile: { workGhzSeconds: 1, outputBytes: 0 },
  });
  load.submit('bob', 'cpu', { profile: { workGhzSeconds: 60, outputBytes: 0 } });
  load.run(30);
  const [first] = load.core.view.shares();
  const ada = load.core.view.shares().find((share) => share.name === 'ada');
  expect(ada?.binding).toBe('uplink');
  expect(load.core.view.shares().find((share) => share.name === 'bob')?.binding).toBe('cpu');
  expect(first?.dominant).toBeGreaterThan(0);
});

test('of one researcher, priority goes first and then age', () => {
  const load = new Load(1);
  load.submit('ada', 'filler', { taskCount: 8 });
  load.submit('ada', 'old', { taskCount: 8 });
  load.submit('ada', 'new', { taskCount: 8 });
  load.submit('ada', 'urgent', { taskCount: 8, priority: 5 });
  const left = (name: string) => load.core.view.job(jobId(name))?.counts.waiting;
  load.run(2);
  expect([left('urgent'), left('old'), left('new')]).toEqual([0, 8, 8]);
  load.run(2);
  expect(left('urgent')).toBe(0);
  expect((left('old') ?? 0) + (left('new') ?? 0)).toBeLessThan(16);
});

test('quotas bound what runs and what waits, and are explained', () => {
  const load = new Load();
  load.set('ada', { maxLeases: 3, maxWaitingTasks: 10 });
  load.submit('ada', 'one', { taskCount: 10 });
  expect(load.core.view.shares()[0]).toMatchObject({ leases: 3, waitingTasks: 7 });
  expect(load.core.view.explain(jobId('one'), null)?.summary).toContain(
    'ada has 3 tasks on nodes, and may have 3',
  );
  const decision = load.core.give({
    ...{ kind: 'submitJob', jobId: jobId('two'), researcher: 'ada', requestId: 'two' },
    template: template({ taskCount: 4 }),
  });
  expect(decision.answer).toMatchObject({ kind: 'refused', code: 'exhausted', field: 'tasks' });
  load.run(3);
  expect(load.core.view.shares()[0]?.leases).toBeLessThanOrEqual(3);
  expect(load.core.view.job(jobId('one'))?.counts.succeeded).toBe(9);
});

test('a job that its quota never lets in is told so, one that waits too early is told to wait', () => {
  const load = new Load();
  load.set('ada', { maxLeases: 1, maxWaitingTasks: 10 });
  load.submit('ada', 'first', { taskCount: 8 });
  const refusalOf = (taskCount: number): string => {
    const wanted = { researcher: 'ada', template: template({ taskCount }) };
    return load.core.view.refuseJob(wanted)?.reason ?? '';
  };
  expect(refusalOf(10)).toMatch(/has 7, and wants 10 more: try again when fewer wait, or ask/);
  expect(refusalOf(11)).toMatch(/ 10 waiting tasks .* these are 11: take fewer at a time, or ask/);
  expect(refusalOf(11)).not.toContain('when fewer wait');
  load.set('ada', { maxWaitingTasks: 1 });
  expect(refusalOf(2)).toContain('may have 1 waiting task at a time');
  expect(load.core.view.explain(jobId('first'), null)?.summary).toContain(
    'ada has 1 task on nodes',
  );
});

test('settings and usage come back from a snapshot, and counts agree with the tasks', () => {
  const load = new Load();
  load.set('ada', { weight: 3 });
  // As its tasks show: what is on nodes is estimated anew.
  const profile = { workGhzSeconds: pi3.speedGhz, outputBytes: 0 };
  load.submit('ada', 'one', { profile });
  load.submit('bob', 'two', { profile });
  load.run(5);
  const before = load.core.view.shares();
  load.core.state = stateOf(imageOf(load.core.state));
  const after = load.core.view.shares();
  expect(after.map((share) => share.name)).toEqual(before.map((share) => share.name));
  for (const [index, share] of after.entries()) {
    const old = before[index];
    expect(share).toMatchObject({ settings: old?.settings, leases: old?.leases });
    expect(share.waitingTasks).toBe(old?.waitingTasks);
    expect(share.workGhzSeconds).toBeCloseTo(old?.workGhzSeconds ?? 0);
  }
});

// Outputs that stay where they were made, and the jobs that take them: who is given what, who waits for whom, what may go.

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId, leaseId, nodeId, sha256, siteId } from '../../../scheduler/core/index.ts';
import { stateOf, imageOf } from '../../../scheduler/core/index.ts';
import { taskState } from '../../../scheduler/core/columns.ts';
import { firstToLookAt, isInputHere } from '../../../scheduler/core/kept.ts';
import { propertyRuns } from '../../property-runs.ts';
import { CoreHarness, accepting, endOf, pi3, template } from './harness.ts';

const sizeBytes = 1e6;
const result = { sha256: sha256('cd'.repeat(32)), sizeBytes: 100 };
const oneSlot = { ...pi3, slots: 1 };
let core: CoreHarness;

beforeEach(() => {
  core = new CoreHarness();
  core.setSite('reserve', 1e6);
  core.setSite('town', 20e6);
  for (const name of ['camera-1', 'camera-2']) core.node(name, 'reserve', oneSlot);
});

function siteNumber(name: string): number {
  return core.view.siteNumber(siteId(name)) ?? -1;
}

/** A picture of each camera. */
function takePictures(): void {
  const site = { number: siteNumber('reserve'), siteId: siteId('reserve') };
  const profile = { workGhzSeconds: 10, outputBytes: sizeBytes };
  core.submit('pictures', { taskCount: 2, site, keepsOutputs: true, profile });
  for (const { nodeId: node, leaseId } of core.take('grant')) {
    core.speak(node, { ended: [{ ...endOf(leaseId), result }] });
  }
  core.take('acknowledge');
}

const keeperOf = (index: number): string =>
  core.view.keeper(jobId('pictures'), index)?.nodeId ?? '';

function taking(changes: Partial<JobTemplate> = {}): Partial<JobTemplate> {
  return {
    ...{ taskCount: 2, home: siteNumber('reserve'), taskInputBytes: [sizeBytes, sizeBytes] },
    outputsOf: { jobId: jobId('pictures'), tasks: [0, 1] },
    ...changes,
  };
}

/** All of them of the first picture. */
function manyOf(taskCount: number): Partial<JobTemplate> {
  const tasks = Array<number>(taskCount).fill(0);
  const taskInputBytes = Array<number>(taskCount).fill(sizeBytes);
  return { taskInputBytes, outputsOf: { jobId: jobId('pictures'), tasks } };
}

/** Where each task was given to. */
function given(): Record<number, string> {
  return Object.fromEntries(core.take('grant').map((grant) => [grant.taskIndex, grant.nodeId]));
}

/** Of a picture, for a job at a site without nodes; it is submitted with the first question. */
function isInputHereOf(picture: number): boolean {
  const site = { number: siteNumber('town'), siteId: siteId('town') };
  if (!core.state.jobById.has(jobId('later'))) core.submit('later', taking({ site }));
  const job = core.state.jobById.get(jobId('later'));
  if (job === undefined) throw new Error('it was submitted');
  return isInputHere(core.state, job, picture);
}

/** Its connection is gone. */
function lose(name: string): void {
  core.give({ kind: 'nodeDisconnected', nodeId: nodeId(name) });
  expect(core.view.node(nodeId(name))?.health).toBe('suspect');
}

describe('what a site keeps', () => {
  test('adds nothing to its line up, and is on the nodes that made it', () => {
    takePictures();
    expect(core.state.sites[siteNumber('reserve')]?.pendingUpBytes).toBe(0);
    expect([keeperOf(0), keeperOf(1)].sort()).toEqual(['camera-1', 'camera-2']);
    expect(core.view.keeper(jobId('pictures'), 2)).toBeNull();
    expect(core.view.keeper(jobId('nobody'), 0)).toBeNull();
  });

  test('goes first to tasks on the node itself, and costs that site no bytes', () => {
    takePictures();
    core.submit('count', taking({ outputsOf: { jobId: jobId('pictures'), tasks: [1, 0] } }));
    expect(given()).toEqual({ 0: keeperOf(1), 1: keeperOf(0) });
    const { pendingUpBytes, pendingDownBytes } = core.state.sites[siteNumber('reserve')] ?? {};
    expect([pendingUpBytes, pendingDownBytes]).toEqual([0, 0]);
  });

  test('crosses its line up when a task elsewhere needs it', () => {
    takePictures();
    core.node('pi', 'town');
    core.submit('count', taking({ site: { number: siteNumber('town'), siteId: siteId('town') } }));
    expect(Object.values(given())).toEqual(['pi', 'pi']);
    expect(core.state.sites[siteNumber('reserve')]?.pendingUpBytes).toBe(2 * sizeBytes);
    expect(core.state.sites[siteNumber('town')]?.pendingDownBytes).toBeGreaterThan(
      2 * sizeBytes - 1,
    );
  });

  test('is known again from a snapshot', () => {
    takePictures();
    const before = [keeperOf(0), keeperOf(1)];
    core.state = stateOf(imageOf(core.state));
    expect([keeperOf(0), keeperOf(1)]).toEqual(before);
    expect(core.view.keeper(jobId('pictures'), 0)?.isHere).toBe(false);
  });
});

describe('a task whose input is on one node alone', () => {
  test('waits for that node and says so, while others go on; and starts when it is back', () => {
    takePictures();
    const away = keeperOf(0);
    lose(away);
    core.node('pi', 'town');
    core.submit('count', taking());
    const others = given();
    expect(Object.keys(others)).toEqual(['1']);
    core.nowMs += 3 * 3_600_000;
    expect(core.view.explain(jobId('count'), null)?.summary).toBe(
      `1 of 2 tasks waits; its inputs are at site reserve. The input of task 0 is on node ${away} (${away}, site reserve) alone, which was last heard 3 h ago. What helps: that it comes back (punnet node ${away}), or to run job pictures again.`,
    );
    core.speak(away, { held: [], status: { ...accepting, slots: 1 } });
    expect(Object.keys(given())).toContain('0');
  });

  test('is not looked at again with each free slot', () => {
    takePictures();
    const away = keeperOf(0);
    lose(away);
    core.node('pi', 'town');
    core.submit('count', taking({ taskCount: 500, ...manyOf(500) }));
    let looks = 0;
    const { outputsOf } = core.state.jobById.get(jobId('count'))?.template ?? {};
    const tasks = new Proxy(outputsOf?.tasks ?? [], {
      get: (list, key) => ((looks += 1), Reflect.get(list, key)),
    });
    Object.assign(outputsOf ?? {}, { tasks });
    core.submit('other', { taskCount: 40 });
    for (const { nodeId: node, leaseId: id } of core.take('grant')) core.end(node, id, 'succeeded');
    expect(looks).toBeLessThan(100);
    core.speak(away, { held: [], status: { ...accepting, slots: 1 } });
    expect(core.take('grant').some((grant) => grant.jobId === 'count')).toBe(true);
  });

  test('and one that waits again before it is found', () => {
    takePictures();
    core.submit('count', taking({ outputsOf: { jobId: jobId('pictures'), tasks: [1, 0] } }));
    const grants = core.take('grant');
    lose(keeperOf(0));
    const first = grants.find(({ taskIndex }) => taskIndex === 0);
    core.node('pi', 'town');
    expect(given()).toEqual({});
    core.speak(keeperOf(1), { ended: [endOf(first?.leaseId ?? leaseId(0), 'exited')] });
    expect(Object.keys(given())).toEqual(['0']);
  });

  test('says that it is lost when the node was revoked', () => {
    takePictures();
    const gone = keeperOf(0);
    core.give({ kind: 'revokeNode', nodeId: nodeId(gone) });
    core.submit('count', taking({ taskCount: 1 }));
    expect(core.view.explain(jobId('count'), 0)?.summary).toContain(
      'which was revoked: it is lost. What helps: cancel this job, and run job pictures again.',
    );
  });
});

/** A report names the jobs that a node keeps outputs of. */
function tells(name: string, ...jobIds: readonly string[]): void {
  const kept = { jobIds: jobIds.map(jobId), address: '192.0.2.7', port: 7 };
  core.speak(name, { held: [], status: { ...accepting, slots: 1 }, kept });
}

describe('an output that its node keeps no more', () => {
  test('is given to nobody, who waits is told so, and what it keeps again is given', () => {
    takePictures();
    const keeper = keeperOf(0);
    tells(keeper, 'pictures', 'gone');
    tells(keeper);
    core.submit('count', taking());
    expect(given()).toEqual({ 1: keeperOf(1) });
    expect(core.view.explain(jobId('count'), 0)?.summary).toContain(
      `is on node ${keeper} (${keeper}, site reserve) alone, which keeps it no more: its owner leaves less for that, or its disk has lost it. What helps: cancel this job, and run job pictures again.`,
    );
    tells(keeper, 'another');
    expect(given()).toEqual({});
    tells(keeper, 'pictures');
    expect(given()).toEqual({ 0: keeper });
  });

  test('is one that it told of before, and that the origin does not have', () => {
    takePictures();
    const keeper = keeperOf(0);
    tells(keeper);
    tells(keeper, 'another');
    expect(isInputHereOf(0)).toBe(true);
    tells(keeper, 'pictures');
    tells(keeper, 'another');
    expect(isInputHereOf(0)).toBe(false);
    core.give({ kind: 'outputsCame', jobId: jobId('pictures'), taskIndex: 0 });
    expect(isInputHereOf(0)).toBe(true);
  });
});

test('no task whose input can be had is passed over, whatever happened before', () => {
  const step = fc.record({
    what: fc.constantFrom('lose', 'back', 'came', 'end', 'exit', 'look', 'keep', 'drop'),
    at: fc.nat({ max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      core = new CoreHarness();
      for (const site of ['reserve', 'town']) core.setSite(site, 20e6);
      for (const name of ['camera-1', 'camera-2']) core.node(name, 'reserve', oneSlot);
      takePictures();
      const tasks = [0, 1, 0, 0, 1, 0, 1, 1];
      const many = { ...manyOf(tasks.length), outputsOf: { jobId: jobId('pictures'), tasks } };
      core.submit('count', taking({ taskCount: tasks.length, ...many }));
      const job = core.state.jobById.get(jobId('count'));
      if (job === undefined) throw new Error('it was not taken');
      for (const { what, at } of steps) {
        happen(what, at);
        const all = [...tasks.keys()].filter((index) => taskState(job.tasks, index) === 'waiting');
        const first = all.find((index) => isInputHere(core.state, job, index));
        expect(firstToLookAt(core.state, job)).toBeLessThanOrEqual(first ?? tasks.length);
      }
    }),
    { numRuns: propertyRuns(100) },
  );
});

/** To the camera, or the picture, of this number. */
function happen(what: string, at: number): void {
  const name = `camera-${at + 1}`;
  if (what === 'lose') core.give({ kind: 'nodeDisconnected', nodeId: nodeId(name) });
  if (what === 'back') core.speak(name, { status: { ...accepting, slots: 1 } });
  if (what === 'came') core.give({ kind: 'outputsCame', jobId: jobId('pictures'), taskIndex: at });
  if (what === 'keep') tells(name, 'pictures');
  if (what === 'drop') tells(name);
  if (what === 'look') core.view.explain(jobId('count'), null);
  if (what !== 'end' && what !== 'exit') return;
  const lease = [...core.state.leases.values()].find(
    (each) => core.state.nodes[each.nodeNumber]?.nodeId === name,
  );
  if (lease !== undefined) core.end(name, lease.leaseId, what === 'end' ? 'succeeded' : 'exited');
}

describe('an output that has come to the origin too', () => {
  const came = (taskIndex: number, job = 'pictures') =>
    core.give({ kind: 'outputsCame', jobId: jobId(job), taskIndex });

  test('needs neither its node nor the line of its home any more', () => {
    takePictures();
    const away = keeperOf(0);
    core.node('pi', 'town');
    lose(away);
    core.submit('count', taking({ site: { number: siteNumber('town'), siteId: siteId('town') } }));
    expect(Object.keys(given())).toEqual(['1']);
    const before = core.state.sites[siteNumber('reserve')]?.pendingUpBytes;
    came(0);
    expect(Object.keys(given())).toEqual(['0']);
    expect(core.state.sites[siteNumber('reserve')]?.pendingUpBytes).toBe(before);
  });

  test('is looked for as long as that is not known', () => {
    takePictures();
    const unsent = () => [...core.view.namedBlobs()].flatMap((each) => each?.unsent ?? []);
    expect(unsent().map(({ taskIndex }) => taskIndex)).toEqual([0, 1]);
    came(0);
    expect(unsent()).toEqual([{ jobId: 'pictures', taskIndex: 1 }]);
  });

  test('is noted once, of a task that keeps some, and known from a snapshot', () => {
    takePictures();
    core.submit('plain', { taskCount: 1 });
    expect([came(0), came(0), came(7), came(0, 'plain'), came(0, 'nobody')]).toMatchObject([
      { facts: [{ kind: 'outputsSent', taskIndex: 0 }] },
      ...Array.from({ length: 4 }, () => ({ facts: [] })),
    ]);
    const woken = stateOf(imageOf(core.state));
    expect([...(woken.jobById.get(jobId('pictures'))?.sentOutputs ?? [])]).toEqual([0]);
  });
});

describe('a job whose outputs stay', () => {
  test('is not deleted while another one takes them', () => {
    takePictures();
    core.submit('count', taking());
    const refused = core.give({ kind: 'deleteJob', jobId: jobId('pictures') }).answer;
    expect(refused).toMatchObject({ kind: 'refused', code: 'failed_precondition' });
    core.give({ kind: 'cancelJob', jobId: jobId('count') });
    const answer = core.give({ kind: 'deleteJob', jobId: jobId('pictures') }).answer;
    expect(answer).toEqual({ kind: 'done' });
  });

  test('has no taker that is tried again when it is gone: nodes let go of its outputs', () => {
    takePictures();
    core.submit('count', taking());
    core.give({ kind: 'cancelJob', jobId: jobId('count') });
    const retry = { kind: 'retryTasks', jobId: jobId('count'), indexes: null } as const;
    expect(core.give({ ...retry, requestId: 'before' }).answer).toMatchObject({ kind: 'retried' });
    core.give({ kind: 'cancelJob', jobId: jobId('count') });
    core.give({ kind: 'deleteJob', jobId: jobId('pictures') });
    expect(core.give({ ...retry, requestId: 'after' }).answer).toMatchObject({
      code: 'failed_precondition',
      reason: expect.stringContaining('were let go when that was deleted') as string,
    });
  });

  test.each([
    ['that goes on', 'pictures', []],
    ['that was deleted', 'nobody', ['nobody']],
    ['whose outputs are at the origin', 'plain', ['plain']],
  ])('lets go of a node what is of a job %s', (_, job, released) => {
    takePictures();
    core.submit('plain', { taskCount: 1 });
    const kept = { jobIds: [jobId(job)], address: '192.168.1.2', port: 4_000 };
    core.speak('camera-1', { held: [], status: accepting, kept });
    const effects = core.take('releaseKept');
    expect(effects.flatMap(({ jobIds }) => jobIds)).toEqual(released);
  });

  test('is refused to whom it does not belong', () => {
    takePictures();
    core.give({
      ...{ kind: 'submitJob', jobId: jobId('theft'), researcher: 'eve', requestId: 'theft' },
      template: template(taking()),
    });
    expect(core.view.job(jobId('theft'))).toBeUndefined();
  });
});

test.each([
  [99, false],
  [100, true],
])(
  'of a keeper that has used %d of 100 bytes of its month is known: %j',
  (usedBytes, isMonthUsed) => {
    takePictures();
    const month = { capBytes: 100, usedBytes, allotmentBytes: 100 };
    core.speak(keeperOf(0), { held: [], status: { ...accepting, slots: 1, month } });
    expect(core.view.keeper(jobId('pictures'), 0)).toMatchObject({ isMonthUsed });
  },
);

test('a lease tells of the keeper and where its LAN reaches it', () => {
  takePictures();
  const kept = { jobIds: [jobId('pictures')], address: '192.168.1.2', port: 4_000 };
  core.speak(keeperOf(0), { held: [], status: accepting, kept });
  core.submit('count', taking());
  const lease = { jobId: jobId('count'), taskIndex: 0, nodeId: nodeId(keeperOf(1)) };
  expect(core.view.leaseContext(lease)).toMatchObject({
    siteNumber: siteNumber('reserve'),
    keeper: { nodeId: keeperOf(0), jobId: 'pictures', taskIndex: 0, address: '192.168.1.2' },
  });
});

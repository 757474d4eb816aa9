// The life of a lease in the scheduler's core: granted, held, started, ended, lost, refused.

import { describe, expect, it } from 'vitest';
import type { LeaseId } from '../../../scheduler/core/index.ts';
import { instant, jobId, leaseId, nodeId } from '../../../scheduler/core/index.ts';
import { imageOf, stateOf } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3 } from './harness.ts';

function withNode(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.node('pi', 'home');
  return core;
}

it('grants one lease a slot and one staged, and no more', () => {
  const core = withNode();
  core.submit('big', { taskCount: 100 });
  expect(core.take('grant')).toHaveLength(8);
  expect(core.view.job(jobId('big'))?.counts).toMatchObject({ waiting: 92, staging: 8 });
});

it('gives the next task in the batch that ends one, and acknowledges the end', () => {
  const core = withNode();
  core.submit('big', { taskCount: 100 });
  const [first] = core.take('grant');
  core.end('pi', first?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.take('acknowledge')).toMatchObject([{ leaseId: first?.leaseId }]);
  expect(core.take('grant')).toHaveLength(1);
});

it('knows the first task that waits, also when one far before it has waited again', () => {
  const core = withNode();
  core.submit('big', { taskCount: 40 });
  const job = core.state.jobById.get(jobId('big'));
  const [first] = core.take('grant');
  expect(job?.cursor).toBe(8);
  core.end('pi', first?.leaseId ?? leaseId(0), 'exited');
  expect(core.take('grant').map(({ taskIndex }) => taskIndex)).toEqual([0]);
  expect(job?.cursor).toBe(8);
});

it('takes a repeated end once', () => {
  const core = withNode();
  core.submit('one', { taskCount: 1 });
  const [grant] = core.take('grant');
  const lease = grant?.leaseId ?? leaseId(0);
  core.end('pi', lease, 'succeeded');
  const again = core.end('pi', lease, 'succeeded');
  expect(again.facts.filter((fact) => fact.kind === 'tasksEnded')).toEqual([]);
  expect(core.take('acknowledge')).toHaveLength(2);
  expect(core.view.job(jobId('one'))).toMatchObject({ state: 'succeeded' });
});

it('ignores the end of a lease that another node holds', () => {
  const core = withNode();
  core.node('stranger', 'home', { ...pi3, architecture: 'x86_64' });
  core.submit('one', { taskCount: 1 });
  const [grant] = core.take('grant');
  core.end('stranger', grant?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.view.job(jobId('one'))?.counts.succeeded).toBe(0);
  expect(core.take('acknowledge')).toEqual([]);
});

it('tries a failed task again as often as the job says, then fails it', () => {
  const core = withNode();
  core.submit('bad', { taskCount: 1, retries: 2 });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    core.wait(60_000);
    const [grant] = core.take('grant').slice(-1);
    core.end('pi', grant?.leaseId ?? leaseId(0), 'exited');
  }
  expect(core.view.job(jobId('bad'))).toMatchObject({ state: 'failed', counts: { failed: 1 } });
});

it('places the tasks of a silent node again, and takes its late result all the same', () => {
  const core = withNode();
  core.submit('one', { taskCount: 1 });
  const [grant] = core.take('grant');
  core.wait(1_000);
  core.wait(8 * 60_000);
  expect(core.view.nodes()[0]?.health).toBe('suspect');
  core.wait(16 * 60_000);
  expect(core.view.nodes()[0]?.health).toBe('lost');
  expect(core.view.job(jobId('one'))?.counts.waiting).toBe(1);
  core.end('pi', grant?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.view.job(jobId('one'))).toMatchObject({ state: 'succeeded' });
});

it('cancels the other attempt when the late result of a lost node wins', () => {
  const core = withNode();
  core.submit('one', { taskCount: 1 });
  const [first] = core.take('grant');
  core.speak('pi', { started: [first?.leaseId ?? leaseId(0)] });
  core.wait(1_000);
  core.wait(8 * 60_000);
  core.wait(16 * 60_000);
  core.node('other', 'home');
  const [second] = core.take('grant');
  expect(second?.nodeId).toBe('other');
  core.end('pi', first?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.take('cancel')).toMatchObject([{ nodeId: 'other', leaseId: second?.leaseId }]);
  core.end('other', second?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.view.job(jobId('one'))?.counts.succeeded).toBe(1);
});

it('gives a returning node its task back when nobody else has it', () => {
  const core = withNode();
  core.submit('two', { taskCount: 1 });
  const [grant] = core.take('grant');
  core.speak('pi', { started: [grant?.leaseId ?? leaseId(0)] });
  core.wait(1_000);
  core.wait(8 * 60_000);
  core.wait(16 * 60_000);
  core.speak('pi', { held: [grant?.leaseId ?? leaseId(0)] });
  expect(core.view.task(jobId('two'), 0)?.phase).toBe('staging');
  expect(core.take('grant')).toEqual([]);
});

it('sends a grant again that was never confirmed', () => {
  const core = withNode();
  core.submit('one', { taskCount: 1 });
  const [grant] = core.take('grant');
  core.wait(16_000);
  expect(core.take('grant')).toEqual([grant]);
  core.speak('pi', { started: [grant?.leaseId ?? leaseId(0)] });
  core.wait(16_000);
  expect(core.take('grant')).toEqual([]);
});

it('ends all attempts of a cancelled job and forgets their results', () => {
  const core = withNode();
  core.submit('one', { taskCount: 20 });
  const grants = core.take('grant');
  core.give({ kind: 'cancelJob', jobId: jobId('one') });
  expect(core.take('cancel')).toHaveLength(grants.length);
  core.end('pi', grants[0]?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.view.job(jobId('one'))?.counts).toMatchObject({ cancelled: 20, succeeded: 0 });
});

it('lets a node that gave a task back rest', () => {
  const core = withNode();
  core.submit('one', { taskCount: 1 });
  const [grant] = core.take('grant');
  core.end('pi', grant?.leaseId ?? leaseId(0), 'given_back');
  expect(core.take('grant')).toEqual([]);
  core.wait(31_000);
  expect(core.take('grant')).toHaveLength(1);
});

it('comes back from a snapshot with the same tasks, leases and tokens', () => {
  const core = withNode();
  core.submit('big', { taskCount: 30 });
  const grants = core.take('grant');
  core.end('pi', grants[0]?.leaseId ?? leaseId(0), 'succeeded');
  const image = imageOf(core.state);
  const before = core.view;
  core.state = stateOf(JSON.parse(JSON.stringify({ ...image, columns: {} })) && image);
  expect(core.view.tasks(all('big'))).toEqual(before.tasks(all('big')));
  expect(core.view.tokens()).toEqual(before.tokens());
  core.end('pi', grants[1]?.leaseId ?? leaseId(0), 'succeeded');
  expect(core.view.job(jobId('big'))?.counts.succeeded).toBe(2);
});

function all(name: string) {
  return { jobId: jobId(name), phase: null, from: 0, limit: 1_000 };
}

describe('overdue leases', () => {
  it('go elsewhere when a task runs on long after its timeout, and end as often as they are named', () => {
    const core = withNode();
    core.submit('one', { taskCount: 1, timeoutMs: 60_000 });
    const [grant] = core.take('grant');
    const lease = grant?.leaseId ?? leaseId(0);
    core.speak('pi', { started: [lease] });
    const stillRuns = (): void => void core.speak('pi', { held: [lease], started: [lease] });
    for (let minute = 0; minute < 16; minute += 1) {
      core.wait(60_000);
      stillRuns();
    }
    expect(core.take('cancel')).toEqual([]);
    core.wait(1);
    expect(core.take('cancel')).toMatchObject([{ leaseId: lease }]);
    expect(core.view.job(jobId('one'))?.counts).toMatchObject({ running: 0, staging: 1 });
    expect(core.view.task(jobId('one'), 0)?.losses).toBe(1);
    stillRuns();
    expect(core.take('cancel')).toMatchObject([{ leaseId: lease }]);
    core.end('pi', lease, 'succeeded');
    expect(core.view.job(jobId('one'))?.counts.succeeded).toBe(0);
  });
});

describe('what one report tells together', () => {
  it.each([
    ['started', { running: 1, sending: 0, staging: 0 }],
    ['exited', { running: 0, sending: 1, staging: 0 }],
  ])('a lease that is held and has %s is not taken back to staging', (part, counts) => {
    const core = withNode();
    core.submit('one', { taskCount: 1 });
    const held = core.take('grant').map((grant) => grant.leaseId);
    core.speak('pi', { held, [part]: held });
    expect(core.view.job(jobId('one'))?.counts).toMatchObject(counts);
  });
});

describe('a lease that a healthy node does nothing with goes elsewhere', () => {
  const keepTalking = (core: CoreHarness, held: readonly LeaseId[], minutes: number): void => {
    for (let minute = 0; minute < minutes; minute += 1) {
      for (let part = 0; part < 4; part += 1) core.wait(15_000);
      core.speak('pi', { held });
    }
  };

  it('when its grant is never confirmed, after ten minutes of asking', () => {
    const core = withNode();
    core.submit('one', { taskCount: 1 });
    const [first] = core.take('grant');
    keepTalking(core, [], 9);
    expect(core.take('cancel')).toEqual([]);
    keepTalking(core, [], 3);
    expect(core.take('cancel')).toMatchObject([{ leaseId: first?.leaseId }]);
    expect(core.view.task(jobId('one'), 0)?.losses).toBe(1);
  });

  it('when it is staged for over a day', () => {
    const core = withNode();
    core.submit('one', { taskCount: 1, timeoutMs: 3_600_000 });
    const held = core.take('grant').map((grant) => grant.leaseId);
    keepTalking(core, held, 25 * 60 - 1);
    expect(core.take('cancel')).toEqual([]);
    keepTalking(core, held, 3);
    expect(core.take('cancel')[0]).toMatchObject({ leaseId: held[0] });
  });
});

describe('identities', () => {
  it('lets a newer instance replace an older one', () => {
    const core = withNode();
    core.speak('pi', { instanceNumber: 2, instanceId: 'second', held: [] });
    core.speak('pi', { instanceNumber: 1, instanceId: 'first', held: [] });
    expect(core.view.nodes()[0]?.health).toBe('healthy');
  });

  it('quarantines two that share a number', () => {
    const core = withNode();
    core.submit('one', { taskCount: 1 });
    core.speak('pi', { instanceNumber: 1, instanceId: 'clone', held: [] });
    expect(core.view.nodes()[0]?.health).toBe('quarantined');
    expect(core.take('quarantine')).toHaveLength(1);
    expect(core.view.job(jobId('one'))?.counts.waiting).toBe(1);
  });

  it('quarantines two that alternate', () => {
    const core = withNode();
    core.speak('pi', { instanceNumber: 2, instanceId: 'second', held: [] });
    core.wait(120_000);
    core.speak('pi', { held: [] });
    expect(core.view.nodes()[0]?.health).toBe('quarantined');
  });

  it('takes what a dead process had in flight for what it is, however much it was', () => {
    const core = withNode();
    core.speak('pi', { instanceNumber: 2, instanceId: 'second', held: [] });
    core.wait(119_000);
    for (let message = 0; message < 50; message += 1) core.speak('pi', { held: [] });
    expect(core.view.nodes()[0]?.health).toBe('healthy');
    expect(core.view.instanceOf(nodeId('pi'))).toBe('second');
  });

  it('knows the LANs of a site, and forgets those of revoked nodes', () => {
    const core = withNode();
    core.node('pi 2', 'home', { ...pi3, lan: '10.0.0.0/8' });
    core.node('pi 3', 'home', { ...pi3, lan: '' });
    expect(core.view.sites()[0]).toMatchObject({ nodes: 3, lans: ['10.0.0.0/8', pi3.lan] });
    core.give({ kind: 'revokeNode', nodeId: nodeId('pi 2') });
    expect(core.view.sites()[0]).toMatchObject({ nodes: 2, slots: 8, lans: [pi3.lan] });
  });

  it('voids the leases of a revoked node and kills its credentials', () => {
    const core = withNode();
    core.submit('one', { taskCount: 1 });
    const [node] = core.view.nodes();
    core.give({ kind: 'revokeNode', nodeId: node?.nodeId ?? (undefined as never) });
    expect(core.take('revokeCredentials')).toMatchObject([{ natsPublicKey: 'key of pi' }]);
    expect(core.view.job(jobId('one'))?.counts.waiting).toBe(1);
  });
});

describe('admission', () => {
  it('answers a repeated submit with the first job', () => {
    const core = withNode();
    core.submit('first', {}, 'request');
    const again = core.submit('second', {}, 'request');
    expect(again.answer).toEqual({ kind: 'job', jobId: 'first', isNew: false });
    expect(again.facts).toEqual([]);
  });

  it('refuses an architecture that nobody has', () => {
    const core = withNode();
    const bundle = { architecture: 'x86_64', sizeBytes: 1, isRootFileSystem: false } as const;
    const hash = core.state.nodes[0]?.natsPublicKey as never;
    const refused = core.submit('one', { bundles: [{ ...bundle, sha256: hash }] });
    expect(refused.answer).toMatchObject({
      kind: 'refused',
      code: 'failed_precondition',
      reason:
        'no node can run a bundle for x86_64; the federation has aarch64: add a bundle for one of these',
    });
  });

  it.each([
    ['unknown', {}, 'nobody made this', 'token_unknown'],
    ['expired', { expiresInMs: -1 }, 'expired', 'token_expired'],
    ['used up', { uses: 0 }, 'used up', 'token_used_up'],
  ])('refuses a token that is %s', (name, changes, token, code) => {
    const core = new CoreHarness();
    if (name !== 'unknown') core.token(name, changes);
    expect(core.enrol('pi', token).answer).toMatchObject({ kind: 'refused', code });
    expect(core.view.nodes()).toEqual([]);
  });

  it('answers a repeated enrolment with the first one and uses the token once', () => {
    const core = new CoreHarness();
    core.token('t', { uses: 2 });
    core.enrol('pi', 't');
    expect(core.enrol('pi', 't').answer).toMatchObject({ kind: 'node', nodeId: 'pi' });
    expect(core.view.tokens()[0]?.usesLeft).toBe(1);
    expect(core.view.nodes()).toHaveLength(1);
  });
});

describe('time', () => {
  it('is an argument: the same commands give the same facts', () => {
    const run = () => {
      const core = withNode();
      core.submit('one', { taskCount: 3 });
      return JSON.stringify([core.effects, imageOf(core.state).document, instant(core.nowMs)]);
    };
    expect(run()).toBe(run());
  });
});

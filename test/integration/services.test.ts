// Services on real agents: replicas are spread, outlive a killed agent, move when a node goes, come back
// when they end, are changed one after the other, and stop when they are told to.

import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Job } from '../../proto/gen/punnet/v1/job.ts';
import { longTestMs } from './program.ts';
import { Rig, until } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['a1'], { site: 'a', slots: 2 });
  await rig.addNodes(['b1', 'b2'], { site: 'b', slots: 3 });
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

interface Service {
  readonly name: string;
  readonly replicas: number;
  /** Is told the index of its replica. */
  readonly script: string;
}

function fileOf({ name, replicas, script }: Service): string {
  const rates = { cpu: '0.2 GHz', down: '10 kbit/s', up: '10 kbit/s' };
  return rig.jobFile(script, { name, profile: undefined, service: { replicas, rates } });
}

const runs = (count: number) => (job: Job) => job.counts?.running === count;

async function placesOf(jobId: string): Promise<readonly string[]> {
  return (await rig.tasks(jobId)).map((task) => task.nodeName).sort();
}

/** The processes with this command line, in whatever sandbox. */
function pidsOf(...words: readonly string[]): readonly number[] {
  const wanted = `${words.join('\0')}\0`;
  const isIt = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === wanted;
    } catch {
      // It has ended.
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && isIt(entry))
    .map(Number);
}

function untilProcesses(count: number, ...words: readonly string[]): Promise<true> {
  const isSo = async (): Promise<true | undefined> =>
    pidsOf(...words).length === count || undefined;
  return until(`${count} times ${words.join(' ')}`, isSo);
}

test('runs its replicas until it is stopped', { timeout: longTestMs }, async () => {
  const service = { name: 'web', replicas: 2, script: `exec sleep ${process.pid}.1` };
  const { jobId } = await rig.submit(fileOf(service));
  await rig.untilJob(jobId, runs(2));
  const first = await placesOf(jobId);
  expect(first[0]).toBe('a1');
  expect(first[1]).toMatch(/^b/);

  // An agent that is killed and started finds its replica at work.
  const agent = rig.node('a1');
  await agent.agent.kill('SIGKILL');
  agent.agent = rig.agent('a1');
  await rig.untilNode('a1', (node) => node.health === 2);
  expect((await rig.untilJob(jobId, runs(2))).restarts).toBe(0);

  await agent.agent.kill('SIGKILL');
  expect((await rig.punnet('node', 'revoke', 'a1')).code).toBe(0);
  await rig.untilJob(jobId, (job) => runs(2)(job) && job.restarts === 1);
  expect(await placesOf(jobId)).toEqual(['b1', 'b2']);
  expect((await rig.punnet('job', 'web')).out).toMatch(/replicas +2\/2 run, 1 restart\n/);

  const fetched = await rig.punnet('fetch', 'web');
  expect(fetched).toMatchObject({ code: 2, err: expect.stringContaining('web is a service') });
  expect((await rig.punnet('cancel', 'web')).out).toMatch(/cancelled: 0\/2 run, 2 cancelled/);
  // The copy of the node that is gone runs on, until its owner stops it.
  await untilProcesses(1, 'sleep', `${process.pid}.1`);
  for (const pid of pidsOf('sleep', `${process.pid}.1`)) process.kill(pid, 'SIGKILL');
});

// These wait for most of their time, and so they wait together.
test.concurrent(
  'starts a replica again, and tells how it ended',
  { timeout: longTestMs },
  async () => {
    const script = 'echo "up $1"; exit 3';
    const { jobId } = await rig.submit(fileOf({ name: 'crashy', replicas: 1, script }));
    await rig.untilJob(jobId, (job) => job.restarts >= 2);
    expect((await rig.punnet('logs', 'crashy', '0')).out).toBe('up 0\n');
    expect((await rig.punnet('tasks', 'crashy')).out).toMatch(/ \d restarts +exit code 3/);
    await rig.punnet('cancel', 'crashy');
  },
);

test.concurrent('changes one replica after the other', { timeout: longTestMs }, async () => {
  const [before, after] = [`${process.pid}.2`, `${process.pid}.3`];
  const service = { name: 'site', replicas: 2, script: `exec sleep ${before}` };
  const { jobId } = await rig.submit(fileOf(service));
  await untilProcesses(2, 'sleep', before);
  const changed = fileOf({ ...service, script: `exec sleep ${after}` });
  const { code, out } = await rig.punnet('update', 'site', changed);
  expect([code, out]).toEqual([0, `${jobId}: 0 of 2 replicas are changed\n`]);
  await untilProcesses(1, 'sleep', after);
  await untilProcesses(1, 'sleep', before);
  expect(pidsOf('sleep', after)).toHaveLength(1);
  await untilProcesses(2, 'sleep', after);
  await untilProcesses(0, 'sleep', before);
  expect(await rig.untilJob(jobId, runs(2))).toMatchObject({ changed: 2, rollout: '' });

  const scaled = fileOf({ ...service, replicas: 1, script: `exec sleep ${after}` });
  expect((await rig.punnet('update', 'site', scaled)).code).toBe(0);
  await untilProcesses(1, 'sleep', after);

  const wrong = fileOf({ ...service, name: 'other' });
  const refused = await rig.punnet('update', 'site', wrong);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('name: wanted "site", the name of the service, found "other"');
  await rig.punnet('cancel', 'site');
  await untilProcesses(0, 'sleep', after);
});

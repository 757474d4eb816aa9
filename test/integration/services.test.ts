// A service on real agents: its replicas are spread, outlive a killed agent, move when a node goes,
// come back when they end, and stop when they are told to.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Job } from '../../proto/gen/punnet/v1/job.ts';
import { longTestMs } from './program.ts';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['a1'], { site: 'a', slots: 2 });
  await rig.addNodes(['b1', 'b2'], { site: 'b', slots: 2 });
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

/** A job file of a service; the script is told the index of its replica. */
function serviceFile(script: string, name: string, replicas: number): string {
  const rates = { cpu: '0.2 GHz', down: '10 kbit/s', up: '10 kbit/s' };
  return rig.jobFile(script, { name, profile: undefined, service: { replicas, rates } });
}

const runs = (count: number) => (job: Job) => job.counts?.running === count;

async function placesOf(jobId: string): Promise<readonly string[]> {
  return (await rig.tasks(jobId)).map((task) => task.nodeName).sort();
}

test('runs its replicas until it is stopped', { timeout: longTestMs }, async () => {
  const { jobId } = await rig.submit(serviceFile('exec sleep 600', 'web', 2));
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

  expect((await rig.punnet('cancel', 'web')).out).toMatch(/cancelled: 0\/2 run, 2 cancelled/);
  for (const name of ['b1', 'b2']) await rig.untilNode(name, (node) => node.leases === 0);
});

test(
  'starts a replica that ends again, and tells how it ended',
  { timeout: longTestMs },
  async () => {
    const { jobId } = await rig.submit(serviceFile('echo "up $1"; exit 3', 'crashy', 1));
    await rig.untilJob(jobId, (job) => job.restarts >= 2);
    expect((await rig.punnet('logs', 'crashy', '0')).out).toBe('up 0\n');
    const { out } = await rig.punnet('tasks', 'crashy');
    expect(out).toMatch(/ \d restarts +exit code 3/);
    await rig.punnet('cancel', 'crashy');
  },
);

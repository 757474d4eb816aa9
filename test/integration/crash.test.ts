// kill -9 of every process at every stage of a task: after the restart each task has succeeded
// exactly once, with the right bytes, and nothing is lost or doubled.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Job, TaskCounts } from '../../proto/gen/punnet/v1/job.ts';
import { TaskState } from '../../proto/gen/punnet/v1/job.ts';
import { NodeHealth } from '../../proto/gen/punnet/v1/node_service.ts';
import { fetchOutputs } from '../../scheduler/cli/fetch.ts';
import { longTestMs } from './program.ts';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  // Thin enough that staging and sending are seen: 1 MB/s in each direction.
  await rig.addNodes(['one', 'two'], { rate: '8 Mbit/s' });
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

const taskCount = 6;
/** Takes some time on the line, both ways. */
const inputBytes = 400_000;
let inputs = 0;

/** Each task writes its input again, marked with its index, and which attempt it was. */
async function submitJob(): Promise<{ readonly id: string; readonly input: string }> {
  // Longer than nats-server needs to come back, so that what comes next is seen.
  const script = `sleep 1
{ cat input.txt; echo "end of $1"; } > out.txt
echo "$PUNNET_LEASE_ID $PUNNET_ATTEMPT" > attempt.txt`;
  const file = rig.jobFile(script, {
    tasks: { count: taskCount },
    sharedInputs: [{ file: 'input.txt' }],
    outputs: ['out.txt', 'attempt.txt'],
    retries: 0,
  });
  // Another for each job, since nodes keep what they have fetched.
  inputs += 1;
  const input = `${createHash('sha512').update(String(inputs)).digest('hex')}\n`.repeat(
    Math.ceil(inputBytes / 129),
  );
  writeFileSync(join(dirname(file), 'input.txt'), input);
  const job = await rig.submit(file);
  return { id: job.jobId, input };
}

const moments: readonly (readonly [string, (counts: TaskCounts) => boolean])[] = [
  ['right after the submit', () => true],
  ['while a task stages', (counts) => counts.staging > 0],
  ['while a task runs', (counts) => counts.running > 0],
  ['while a result is sent', (counts) => counts.sending > 0],
];

const victims: readonly (readonly [string, () => Promise<void>])[] = [
  ['the scheduler', restartScheduler],
  [
    'nats-server',
    async () => {
      const said = rig.scheduler.lines.length;
      process.kill(rig.natsPid(), 'SIGKILL');
      await rig.scheduler.said('nats-server runs again', said);
    },
  ],
  ['an agent', () => restartAgents('one')],
  [
    'agents and scheduler',
    async () => {
      const restart = await killAgents('one', 'two');
      await restartScheduler();
      restart();
    },
  ],
];

async function restartScheduler(): Promise<void> {
  await rig.scheduler.kill('SIGKILL');
  await rig.startScheduler();
}

async function killAgents(...names: readonly string[]): Promise<() => void> {
  const nodes = names.map((name) => rig.node(name));
  await Promise.all(nodes.map((node) => node.agent.kill('SIGKILL')));
  return () => {
    for (const node of nodes) node.agent = rig.agent(node.name);
  };
}

async function restartAgents(...names: readonly string[]): Promise<void> {
  const restart = await killAgents(...names);
  restart();
}

async function totalSucceeded(): Promise<number> {
  return (await rig.listNodes()).reduce((sum, node) => sum + node.tasksSucceeded, 0);
}

/** All that must be true of a job of `submitJob` at its end. */
async function checkEnd(job: Job, input: string): Promise<void> {
  expect(job.counts).toMatchObject({ total: taskCount, succeeded: taskCount, failed: 0 });
  const tasks = await rig.tasks(job.jobId);
  for (const task of tasks) {
    expect(task).toMatchObject({ state: TaskState.SUCCEEDED, failures: 0, losses: 0 });
  }
  const to = join(rig.folder, `results-${job.jobId}`);
  await fetchOutputs(rig.connection, job.jobId, { to, isWanted: () => true });
  const attempts = tasks.map(({ index }) => {
    expect(readFileSync(join(to, `${index}/out.txt`), 'utf8')).toBe(`${input}end of ${index}\n`);
    return readFileSync(join(to, `${index}/attempt.txt`), 'utf8');
  });
  expect(new Set(attempts).size).toBe(taskCount);
}

test.each(victims)(
  'kill -9 of %s at every stage loses and doubles nothing',
  surviveStrikes,
  longTestMs,
);

async function surviveStrikes(_: string, strike: () => Promise<void>): Promise<void> {
  const nodesBefore = (await rig.listNodes()).map((node) => node.nodeId);
  const succeededBefore = await totalSucceeded();
  const { id, input } = await submitJob();
  for (const [, isNow] of moments) {
    await rig.untilJob(id, (job) => job.counts !== undefined && isNow(job.counts));
    await strike();
  }
  await checkEnd(await rig.untilSucceeded(id), input);
  expect((await rig.listNodes()).map((node) => node.nodeId)).toEqual(nodesBefore);
  expect(await totalSucceeded()).toBe(succeededBefore + taskCount);
}

/** A job of one task that takes a moment, and the node that runs it. */
async function runOne(): Promise<{ readonly id: string; readonly name: string }> {
  const file = rig.jobFile('date +%s%N > now; mv now start.txt; sleep 1; echo done > out.txt', {
    tasks: { count: 1 },
    outputs: ['start.txt', 'out.txt'],
    retries: 0,
  });
  const { jobId: id } = await rig.submit(file);
  await rig.untilJob(id, (job) => job.counts?.running === 1);
  const [task] = await rig.tasks(id);
  return { id, name: task?.nodeName ?? '' };
}

async function outputsOf(id: string): Promise<readonly [start: string, out: string]> {
  const to = join(rig.folder, `results-${id}`);
  await fetchOutputs(rig.connection, id, { to, isWanted: () => true });
  return [
    readFileSync(join(to, '0/start.txt'), 'utf8'),
    readFileSync(join(to, '0/out.txt'), 'utf8'),
  ];
}

test('a task outlives its agent, and the next agent collects what it left', async () => {
  const { id, name } = await runOne();
  await rig.untilFile(join(rig.node(name).state, 'attempts'), '/start.txt');
  const killedMs = Date.now();
  const restart = await killAgents(name);
  await rig.untilNode(name, (node) => node.health === NodeHealth.SUSPECT);
  restart();
  await rig.untilNode(name, (node) => node.health === NodeHealth.HEALTHY);
  await rig.untilSucceeded(id);
  const [start, out] = await outputsOf(id);
  expect(out).toBe('done\n');
  // The one attempt had begun before the agent was killed: nothing ran again.
  expect(Number(start) / 1e6).toBeLessThan(killedMs);
});

test('a result that waited for its agent, over a restart of the scheduler, arrives once', async () => {
  const succeededBefore = await totalSucceeded();
  const { id, name } = await runOne();
  const { state, agent } = rig.node(name);
  expect(await agent.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  await rig.untilFile(join(state, 'attempts'), '/exit.json');
  await restartScheduler();
  expect((await rig.tasks(id))[0]?.state).toBe(TaskState.STAGING);
  rig.node(name).agent = rig.agent(name);
  await rig.untilSucceeded(id);
  expect((await outputsOf(id))[1]).toBe('done\n');
  expect(await totalSucceeded()).toBe(succeededBefore + 1);
});

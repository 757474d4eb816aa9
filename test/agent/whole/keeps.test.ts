// What a node keeps over kills: results that nobody has acknowledged, and what is known of tasks
// whose watcher is gone.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findShim } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import { Rig, type RigNode, until as untilThere } from '../../integration/rig.ts';

let rig: Rig;
let node: RigNode;
beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['pi']);
  node = rig.node('pi');
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(async () => {
  process.kill(rig.natsPid(), 'SIGCONT');
  await rig.stop();
});

/** The folder of the attempt that has written this file. */
async function attemptWith(file: string): Promise<string> {
  const attempts = join(node.state, 'attempts');
  const found = await rig.untilFile(attempts, `/${file}`);
  return join(attempts, found.split('/')[0] ?? '');
}

async function submit(script: string, outputs: readonly string[] = []): Promise<string> {
  const file = rig.jobFile(script, { tasks: { count: 1 }, outputs });
  return (await rig.submit(file)).jobId;
}

const status = (): Promise<string> => rig.status(node.name);

/** Asks the agent again and again. */
async function until(what: string, isSo: (text: string) => boolean): Promise<void> {
  await untilThere(what, async () => isSo(await status()) || undefined);
}

async function restart(whileOff: () => void): Promise<void> {
  await node.agent.kill();
  whileOff();
  node.agent = rig.agent(node.name);
  await node.agent.said('"event":"started"');
}

test('a sent result is said again after a kill, and neither read nor sent again', async () => {
  const jobId = await submit('sleep 1; echo it > out.txt', ['out.txt']);
  await attemptWith('shim.json');
  // From here on nothing is acknowledged; blobs go another way.
  process.kill(rig.natsPid(), 'SIGSTOP');
  const folder = await attemptWith('sent.json');
  await restart(() => rmSync(join(folder, 'work'), { recursive: true }));
  expect(await status()).toMatch(/: not connected[^]*\n {2}lease .*, ended\n/);
  process.kill(rig.natsPid(), 'SIGCONT');
  await rig.untilSucceeded(jobId);
  const to = join(rig.folder, 'kept');
  await rig.punnet('fetch', jobId, '--to', to);
  expect(readFileSync(join(to, '0/out.txt'), 'utf8')).toBe('it\n');
  await until('nothing is left', () => !existsSync(folder));
});

test('a result that nobody took in 30 days of running is dropped', async () => {
  const jobId = await submit('exec sleep 1');
  await attemptWith('shim.json');
  process.kill(rig.natsPid(), 'SIGSTOP');
  const folder = await attemptWith('exit.json');
  await until('it has ended', (text) => /, ended\n/.test(text));
  const monthMs = 30 * 24 * 3_600_000;
  // The time of day plays no part: a Pi has no clock.
  const age = (ms: number) => (): void => writeFileSync(join(node.state, 'running-ms'), String(ms));
  await restart(age(monthMs - 600_000));
  await until('it is kept', (text) => /, ended\n/.test(text));
  expect(existsSync(folder)).toBe(true);
  await restart(age(monthMs + 600_000));
  await until('it is dropped', (text) => !existsSync(folder) && /, ended\n/.test(text));
  process.kill(rig.natsPid(), 'SIGCONT');
  await rig.punnet('cancel', jobId);
  await until('it is acknowledged', (text) => !/lease/.test(text));
});

/** Until the scheduler knows that the attempt of the job's one task was lost. */
async function untilLost(jobId: string): Promise<void> {
  await rig.untilJob(jobId, (job) => job.counts?.waiting === 1);
  const [task] = await rig.tasks(jobId);
  expect(task).toMatchObject({ endCode: 'lost', losses: 1, failures: 0 });
  await rig.punnet('cancel', jobId);
}

test('a task whose shim is killed is lost', async () => {
  const jobId = await submit('exec sleep 1000');
  const folder = await attemptWith('shim.json');
  process.kill(findShim(folder)?.pid ?? 0, 'SIGKILL');
  await untilLost(jobId);
});

test('a task of before a reboot is lost', async () => {
  // A node that has just lost a task rests.
  await node.agent.kill();
  await rig.addNodes(['pi2']);
  node = rig.node('pi2');
  const jobId = await submit('exec sleep 1000');
  const folder = await attemptWith('shim.json');
  await restart(() => {
    process.kill(findShim(folder)?.pid ?? 0, 'SIGKILL');
    const mark = JSON.parse(readFileSync(join(folder, 'shim.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'shim.json'), JSON.stringify({ ...mark, bootId: 'before' }));
  });
  await untilLost(jobId);
});

test('outputs that stay go by what their owner has said, never by a file with a mistake', async () => {
  const limits = join(node.state, 'limits.json');
  const record = join(node.state, 'kept/j1.jsonl');
  const before = readFileSync(limits, 'utf8');
  // Nothing tells it that there is no such job.
  process.kill(rig.natsPid(), 'SIGSTOP');
  const line = { proof: 'ab'.repeat(32), blobs: [['cd'.repeat(32), 2e9]] };
  await restart(() => {
    mkdirSync(join(node.state, 'kept'), { recursive: true });
    writeFileSync(record, JSON.stringify(line));
    writeFileSync(limits, '{ "cacheBytes": 100000000000, "slots": "many" }');
  });
  expect(existsSync(record)).toBe(true);
  // By default an owner leaves 1 GB.
  await restart(() => writeFileSync(limits, before));
  expect(existsSync(record)).toBe(false);
  process.kill(rig.natsPid(), 'SIGCONT');
});

// A real agent whose disk fills: when it ends and starts, and in the middle of a task's input. It never ends, and with room it
// goes on.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Rig, until, type RigNode } from '../../integration/rig.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';

/** The sandbox ends tasks where less than 64 MB are free. */
const megabytes = 96;
const limits = { slots: 1, diskReserveBytes: 70e6 };
let rig: Rig;
let node: RigNode;
let mounted: SmallDisk | string = 'it was not tried';
beforeAll(async () => {
  rig = await Rig.start();
  mkdirSync(join(rig.folder, 'pi'));
  mounted = SmallDisk.mountForAll(megabytes, join(rig.folder, 'pi'));
  await rig.addNodes(['pi']);
  node = rig.node('pi');
  setLimits({});
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(async () => {
  for (const { agent } of rig.nodes) await agent.kill('SIGTERM');
  if (typeof mounted !== 'string') await mounted.unmount();
  await rig.stop();
});

function setLimits(more: Readonly<Record<string, unknown>>): void {
  writeFileSync(join(node.state, 'limits.json'), JSON.stringify({ ...limits, ...more }));
}

const blobs = (): string => join(node.state, 'blobs');

const status = (): Promise<string> => rig.status('pi');

async function runsATask(): Promise<void> {
  const { jobId } = await rig.submit(rig.jobFile('true', { tasks: { count: 1 } }));
  await rig.untilSucceeded(jobId);
}

test('a disk that is full ends no agent: it stops well, waits when it starts, and goes on', async (context) => {
  const disk = diskOf(context, mounted);
  await runsATask();
  disk.fill();
  await rig.untilNode('pi', ({ status: told }) => told?.notAccepting?.code === 'disk_reserve');
  // What a task had goes for the reserve.
  await until('nothing is kept', async () => readdirSync(blobs()).length === 0 || undefined);
  disk.fill();
  expect(await node.agent.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  node.agent = rig.agent(node.name);
  await node.agent.said('"event":"waits for room"');
  expect(await status()).toMatch(
    /^Node \w+ of punnet, site here waits: its disk is full: \d+ bytes/,
  );
  disk.free();
  await node.agent.said('"event":"started"');
  expect(node.agent.isRunning).toBe(true);
  await runsATask();
});

test('an input that finds no room in the middle keeps nothing, and the task runs when there is some', async (context) => {
  const disk = diskOf(context, mounted);
  // The scheduler lets a node rest that gave a task back.
  context.skip(process.env['PUNNET_LONG_TESTS'] === undefined, 'PUNNET_LONG_TESTS=1 runs it');
  setLimits({ uplink: { downBps: 16e6, upBps: 16e6 }, uplinkShare: 1 });
  await until('the limit holds', async () => /: 16 Mbit\/s down/.test(await status()) || undefined);
  const file = rig.jobFile('wc -c <"$1"', {
    command: ['/bundle/run.sh', '{input}'],
    tasks: { inputs: ['*.bin'] },
  });
  writeFileSync(join(file, '../large.bin'), randomBytes(6_000_000));
  const { jobId } = await rig.submit(file);
  const part = await rig.untilFile(blobs(), '.part');
  disk.fill();
  await until(
    'nothing is kept of it',
    async () => !readdirSync(blobs()).includes(part) || undefined,
  );
  await rig.untilNode('pi', ({ status: told }) => told?.notAccepting?.code === 'disk_reserve');
  disk.free();
  await rig.untilSucceeded(jobId);
  expect(await rig.tasks(jobId)).toMatchObject([{ failures: 0 }]);
});

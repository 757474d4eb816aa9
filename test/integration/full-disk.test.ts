// The scheduler on a disk that fills: it promises nothing that is not on it, says why it stops, and
// with space again all that it acknowledged is there, once.

import { symlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { allPages } from '../../scheduler/cli/connection.ts';
import { SmallDisk, diskOf } from '../scheduler/small-disk.ts';
import { Rig, checkBuild } from './rig.ts';

let rig: Rig;
let mounted: SmallDisk | string;
beforeAll(async () => {
  checkBuild();
  rig = new Rig();
  mounted = await SmallDisk.mount(16);
  if (typeof mounted !== 'string') symlinkSync(mounted.path, rig.data);
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(async () => {
  await rig.stop();
  if (typeof mounted !== 'string') await mounted.unmount();
});

async function jobIds(): Promise<readonly string[]> {
  const { jobs } = rig.connection;
  const found = await allPages(
    (pageToken) =>
      rig.connection.call(jobs.listJobs.bind(jobs), {
        pageSize: 100,
        pageToken,
        state: 0,
        name: '',
      }),
    (response) => response.jobs,
  );
  return found.map((job) => job.jobId);
}

test('a full disk of the scheduler', async (context) => {
  const disk = diskOf(context, mounted);
  await rig.startScheduler();
  const file = rig.jobFile('true', { tasks: { count: 3 } });
  const acknowledged = [(await rig.submit(file)).jobId];
  disk.fill();

  // Blobs are refused first, and the scheduler goes on.
  const other = rig.jobFile('echo "another program"', { tasks: { count: 1 } });
  await expect(rig.submit(other)).rejects.toThrow(/the scheduler's disk has room for 0/);
  // Its journal goes on in what is left of its last page.
  const submitMore = async (): Promise<void> => {
    for (let more = 0; more < 200; more += 1) acknowledged.push((await rig.submit(file)).jobId);
  };
  await expect(submitMore()).rejects.toThrow(/nothing of this request was kept/);
  expect(acknowledged.length).toBeGreaterThan(1);
  expect(await rig.scheduler.ended).toEqual({ code: 1, signal: null });
  expect(rig.scheduler.tail()).toMatch(/ENOSPC.*stopped: the journal or the core failed/);

  const early = rig.schedulerProgram();
  expect(await early.ended).toEqual({ code: 1, signal: null });
  expect(early.lines).toEqual([
    expect.stringMatching(/disk of the data folder is full.*free some/),
  ]);

  disk.free();
  await rig.startScheduler();
  expect((await jobIds()).toSorted()).toEqual(acknowledged.toSorted());
  acknowledged.push((await rig.submit(other)).jobId);
  expect((await jobIds()).toSorted()).toEqual(acknowledged.toSorted());
});

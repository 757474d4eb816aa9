// The drill: a backup of a scheduler at work, its machine lost, a restore elsewhere, and the agents
// come back. And backups that are not whole, which nobody gets a federation out of.

import { cpSync, existsSync, readFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Job } from '../../proto/gen/punnet/v1/job.ts';
import { TaskState } from '../../proto/gen/punnet/v1/job.ts';
import { longTestMs } from './program.ts';
import { Rig } from './rig.ts';

let rig: Rig;
let backup = '';
let elsewhere = '';

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['one', 'two']);
  backup = join(rig.folder, 'punnet.tar');
  elsewhere = join(rig.folder, 'elsewhere');
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

const script = `sleep "$2"; echo "$1 $PUNNET_LEASE_ID" > out.txt`;

function submit(count: number, seconds: number): Promise<Job> {
  const command = ['/bundle/run.sh', '{index}', String(seconds)];
  return rig.submit(
    rig.jobFile(script, { command, tasks: { count }, outputs: ['out.txt'], retries: 0 }),
  );
}

function scheduler(...words: readonly string[]): ReturnType<Rig['call']> {
  return rig.call('bin/punnet-scheduler.cjs', ...words);
}

/** What each task wrote: its index and its lease. */
async function outputs(jobId: string): Promise<readonly (readonly string[])[]> {
  const to = join(rig.folder, `results of ${jobId}`);
  const ran = await rig.punnet('fetch', jobId, '--to', to);
  expect(ran).toMatchObject({ code: 0 });
  return readdirSync(to)
    .filter((name) => /^\d+$/.test(name))
    .sort()
    .map((name) =>
      readFileSync(join(to, name, 'out.txt'), 'utf8')
        .trim()
        .split(' '),
    );
}

test(
  'a federation goes on from its backup in another folder, and its agents come back',
  async () => {
    const done = await submit(3, 0);
    await rig.untilSucceeded(done.jobId);
    const before = await outputs(done.jobId);
    const underWay = await submit(6, 2);
    await rig.untilJob(underWay.jobId, (job) => (job.counts?.running ?? 0) > 0);
    const made = await scheduler('backup', backup, '--data', rig.data);
    expect(made.err).toBe('');
    expect(made.out).toMatch(/jobs +2 +2\ntasks +9 +9\nnodes +2 +2\n/);
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    // What comes after the backup is lost with the machine, but its leases are out there.
    const after = await submit(2, 0);
    await rig.untilSucceeded(underWay.jobId);
    await rig.untilSucceeded(after.jobId);
    await rig.scheduler.kill('SIGKILL');

    const restored = await scheduler('restore', backup, '--data', elsewhere);
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.out).toMatch(/tasks +9 +9\n[^]*blobs +\d+ +\d+\nwhole\. Start it there/);
    await rig.startScheduler(elsewhere);
    await rig.untilNode('one', (node) => node.status !== undefined);
    await rig.untilSucceeded(underWay.jobId);
    expect(await outputs(done.jobId)).toEqual(before);
    const tasks = await rig.tasks(underWay.jobId);
    expect(tasks.map((task) => task.state)).toEqual(new Array(6).fill(TaskState.SUCCEEDED));
    const fresh = await submit(2, 0);
    await rig.untilSucceeded(fresh.jobId);
    // No lease that the lost scheduler may have granted is used again.
    for (const [, lease] of await outputs(fresh.jobId)) expect(Number(lease)).toBeGreaterThan(1e9);
    expect((await rig.punnet('job', after.jobId)).code).toBe(3);
  },
  longTestMs,
);

const damages: readonly (readonly [string, (file: string) => void, RegExp])[] = [
  ['cut', (file) => truncateSync(file, statSync(file).size - 20_000), /cut|end|MANIFEST/],
  ['a flipped bit in the journal', (file) => flip(file, 'PJN2'), /is damaged/],
  ['a flipped bit in a blob', (file) => flip(file, 'sleep "$2"'), /is damaged/],
];

function flip(file: string, near: string): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(near);
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt8(bytes.readUInt8(at + near.length + 2) ^ 4, at + near.length + 2);
  writeFileSync(file, bytes);
}

test.each(damages)(
  'a backup with %s is refused, and nothing is left of it',
  async (_, harm, said) => {
    const broken = join(rig.folder, 'broken.tar');
    cpSync(backup, broken);
    harm(broken);
    const to = join(rig.folder, 'refused');
    const ran = await scheduler('restore', broken, '--data', to);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(said);
    expect(ran.err).not.toMatch(/\n +at /);
    expect(existsSync(to)).toBe(false);
  },
);

test('what is not there is named: no folder to back up, no backup to restore', async () => {
  const nowhere = join(rig.folder, 'nowhere');
  const mistakes = [
    {
      words: ['backup', `${nowhere}.tar`, '--data', nowhere],
      said: 'wanted the folder of a scheduler',
    },
    { words: ['backup', rig.folder, '--data', rig.data], said: 'is a folder: wanted a file' },
    // Perhaps a disk that is not mounted.
    ...[join(nowhere, 'punnet.tar'), '/proc/punnet.tar'].map((file) => ({
      words: ['backup', file, '--data', rig.data],
      said: 'wanted a file in a folder that is there',
    })),
    { words: ['restore', nowhere, '--data', nowhere], said: 'there is no file' },
  ];
  for (const { words, said } of mistakes) {
    const { code, err } = await scheduler(...words);
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining(said) });
    expect(err).toContain(words[1]);
    expect(err).not.toMatch(/\n +at /);
  }
  expect(readdirSync(rig.folder).filter((name) => name.startsWith('nowhere'))).toEqual([]);
});

test('a folder that is in use is not restored into, and one that lacks a blob is not backed up', async () => {
  const used = await scheduler('restore', backup, '--data', elsewhere);
  expect(used.code).toBe(1);
  expect(used.err).toContain('is not empty');
  const poor = join(rig.folder, 'poor');
  cpSync(rig.data, poor, { recursive: true });
  const folder = join(poor, 'blobs');
  const [shard = ''] = readdirSync(folder).filter((name) => name.length === 2);
  rmSync(join(folder, shard), { recursive: true });
  const ran = await scheduler('backup', join(rig.folder, 'poor.tar'), '--data', poor);
  expect(ran.code).toBe(1);
  expect(ran.err).toMatch(/\d+ blobs that jobs need are not in the data folder/);
  expect(readdirSync(rig.folder).filter((name) => name.startsWith('poor.tar'))).toEqual([]);
});

// Outputs come as tasks succeed, while others still run, over a restart of the scheduler.

import { existsSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Rig, until } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['pi'], { slots: 2 });
});
afterAll(() => rig.stop());

/** Its second task runs until it is cancelled. */
const script = 'if [ "$1" = 1 ]; then sleep 600; fi; echo "$1" > out';

it('brings what is done while the rest runs, and ends as the job does', async () => {
  const { jobId } = await rig.submit(
    rig.jobFile(script, { tasks: { count: 2 }, outputs: ['out'] }),
  );
  const to = join(rig.folder, 'live');
  const fetching = rig.run('fetch', 'bin/punnet.cjs', 'fetch', jobId, '--to', to, '--watch');
  await until('the first output', () =>
    Promise.resolve(existsSync(join(to, '0/out')) || undefined),
  );
  await rig.scheduler.kill('SIGKILL');
  await fetching.said('the scheduler went away');
  await rig.startScheduler();
  await fetching.said('the scheduler is back');
  expect(await rig.punnet('cancel', jobId)).toMatchObject({ code: 0 });
  expect(await fetching.ended).toMatchObject({ code: 1 });
  expect(readFileSync(join(to, '0/out'), 'utf8')).toBe('0\n');
  expect(fetching.tail()).toContain('fetched 1 file (2 B) of 1 task');
});

it('brings all of a job that succeeds; again, it keeps what is there', async () => {
  const { jobId } = await rig.submit(
    rig.jobFile('echo "$1" > out', { tasks: { count: 3 }, outputs: ['out'] }),
  );
  const to = join(rig.folder, 'all');
  const first = await rig.punnet('fetch', jobId, '--to', to, '--watch', '--output', 'json');
  expect(first.code).toBe(0);
  expect(JSON.parse(first.out)).toMatchObject({ tasks: 3, files: 3, skippedFiles: 0, bytes: 6 });
  const again = await rig.punnet('fetch', jobId, '--to', to, '--watch');
  expect(again).toMatchObject({ code: 0, out: expect.stringContaining('3 were there') });
});

it('ends at once where it may not write', async () => {
  const { jobId } = await rig.submit(
    rig.jobFile(script, { tasks: { count: 2 }, outputs: ['out'] }),
  );
  const to = join(rig.folder, 'taken');
  mkdirSync(join(to, '0'), { recursive: true });
  writeFileSync(join(to, '0/out'), 'mine');
  const { code, err } = await rig.punnet('fetch', jobId, '--to', to, '--watch');
  expect(code).toBe(2);
  expect(err).toContain('another file is there');
  expect(await rig.punnet('cancel', jobId)).toMatchObject({ code: 0 });
});

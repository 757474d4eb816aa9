// A task that fails goes on where it was, by the real agent.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['pi']);
});
afterAll(() => rig.stop());

it('goes on from its checkpoint after each failure, and is done with it at the end', async () => {
  const script = `echo step >> checkpoint/steps
    [ "$(wc -l < checkpoint/steps)" -ge 3 ] || exit 1
    cp checkpoint/steps out.txt`;
  const file = rig.jobFile(script, { checkpoint: true, outputs: ['out.txt'], tasks: { count: 2 } });
  const submitted = await rig.punnet('submit', file, '--watch');
  expect(submitted).toMatchObject({ code: 0 });
  const [jobId = ''] = submitted.out.split('\n');
  const to = join(rig.folder, 'fetched');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  for (const task of ['0', '1']) {
    expect(readFileSync(join(to, task, 'out.txt'), 'utf8')).toBe('step\nstep\nstep\n');
  }
  const tasks = await rig.tasks(jobId);
  expect(tasks.map(({ failures }) => failures)).toEqual([2, 2]);
});

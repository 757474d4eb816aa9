// A task that fails goes on where it was, by the real agent, which may have been killed meanwhile.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

it('goes on from what an attempt left that ended while its agent was dead', async () => {
  const script = `if [ -e checkpoint/first ]; then cp checkpoint/first out.txt; exit 0; fi
    echo kept > checkpoint/first
    until [ -e checkpoint/fail ]; do sleep 0.1; done
    exit 1`;
  const { jobId } = await rig.submit(
    rig.jobFile(script, { checkpoint: true, outputs: ['out.txt'], tasks: { count: 1 } }),
  );
  const node = rig.node('pi');
  const first = join(node.state, await rig.untilFile(node.state, 'work/checkpoint/first'));
  await node.agent.kill('SIGKILL');
  writeFileSync(join(dirname(first), 'fail'), '');
  await rig.untilFile(join(first, '../../..'), 'exit.json');
  node.agent = rig.agent(node.name);
  await rig.untilSucceeded(jobId);
  const to = join(rig.folder, 'fetched-after-death');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '0/out.txt'), 'utf8')).toBe('kept\n');
  expect(await rig.tasks(jobId)).toMatchObject([{ failures: 1, losses: 0 }]);
});

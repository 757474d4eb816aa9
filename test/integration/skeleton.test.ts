// The walking skeleton: what a new user does, with the programs that a new user runs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { longTestMs } from './program.ts';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['one', 'two']);
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

test('a job goes from submit to fetch through the command line', async () => {
  const file = rig.jobFile('echo "task $1" > out.txt; echo "log of $1"', {
    tasks: { count: 4 },
    outputs: ['out.txt'],
  });
  const again = ['submit', file, '--request-id', 'skeleton', '--output', 'json'];
  const submitted = await rig.punnet('submit', file, '--request-id', 'skeleton', '--watch');
  expect(submitted).toMatchObject({ code: 0 });
  const [id = ''] = submitted.out.split('\n');
  const to = join(rig.folder, 'results');
  expect(await rig.punnet('fetch', id, '--to', to)).toMatchObject({ code: 0 });
  for (const index of [0, 1, 2, 3]) {
    expect(readFileSync(join(to, `${index}/out.txt`), 'utf8')).toBe(`task ${index}\n`);
  }
  expect((await rig.punnet('logs', id, '3')).out).toBe('log of 3\n');
  // The answer was lost, say: the same request again makes no second job.
  expect(JSON.parse((await rig.punnet(...again)).out)).toMatchObject({ jobId: id });
  expect((await rig.punnet('jobs')).out.match(/job1/g)).toHaveLength(1);
});

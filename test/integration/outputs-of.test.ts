// Outputs of one job as inputs of another one, and a job that names its site, by the real programs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Rig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['camera'], { site: 'reserve' });
  await rig.addNodes(['pi'], { site: 'town' });
});
afterEach((each) => {
  if (each.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

async function submitted(script: string, spec: Readonly<Record<string, unknown>>): Promise<string> {
  const { jobId } = await rig.submit(rig.jobFile(script, spec));
  return jobId;
}

it('takes each output of a job as the input of a task', async () => {
  const made = await submitted('[ "$1" != 1 ]; mkdir out; echo "picture $1" > out/picture', {
    ...{ name: 'pictures', site: 'reserve', tasks: { count: 3 }, outputs: ['out/picture'] },
    retries: 0,
  });
  await rig.untilJob(made, (job) => job.endedUnixMs > 0);
  const took = rig.jobFile('sed s/^/seen:\\ / "$2" > "$3"', {
    ...{ tasks: { outputsOf: 'pictures' }, outputs: ['{input.stem}.txt'], site: 'town' },
    command: ['/bundle/run.sh', '{index}', '{input}', '{input.stem}.txt'],
  });
  const dry = await rig.punnet('submit', took, '--dry-run');
  expect(dry).toMatchObject({ code: 0 });
  const { jobId } = await rig.submit(took);
  await rig.untilSucceeded(jobId);
  const to = join(rig.folder, 'seen');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '0/picture.txt'), 'utf8')).toBe('seen: picture 0\n');
  expect(readFileSync(join(to, '1/picture.txt'), 'utf8')).toBe('seen: picture 2\n');
  const sites = [made, jobId].map(async (id) => (await rig.tasks(id)).map((task) => task.siteId));
  expect(await Promise.all(sites)).toEqual([
    ['reserve', 'reserve', 'reserve'],
    ['town', 'town'],
  ]);
});

it.each([
  ['nobody', /outputsOf: wanted the id or the name of a job of yours, found "nobody"/],
  ['silent', /job silent \(\w+\) keeps no outputs: its job file names none in outputs/],
  ['active', /job active \(\w+\) goes on, 0 of its 1 tasks have ended: submit this one when/],
  ['broken', /no task of job broken \(\w+\) has succeeded: there are no outputs to take/],
  ['itself', /outputsOf: wanted the id or the name of a job of yours, found "itself"/],
])('refuses outputs of %s', async (name, problem) => {
  if (name === 'silent') {
    await rig.untilSucceeded(await submitted('true', { name, tasks: { count: 1 } }));
  }
  if (name === 'active') {
    await submitted('sleep 600', { name, tasks: { count: 1 }, outputs: ['out'] });
  }
  if (name === 'broken') {
    const spec = { name, tasks: { count: 1 }, outputs: ['out'], retries: 0 };
    const id = await submitted('false', spec);
    await rig.untilJob(id, (job) => job.endedUnixMs > 0);
  }
  const file = rig.jobFile('true', { name, tasks: { outputsOf: name } });
  const { code, err } = await rig.punnet('submit', file);
  expect(code).toBe(2);
  expect(err).toMatch(problem);
  if (name === 'active') await rig.punnet('cancel', name);
});

it('names what is wrong with the site, and with two kinds of tasks, at their places', async () => {
  const tasks = { outputsOf: 'pictures', count: 2 };
  const { code, err } = await rig.punnet('submit', rig.jobFile('true', { tasks, site: 'nowhere' }));
  expect(code).toBe(2);
  expect(err).toMatch(/job\.yaml:\d+:\d+: site: wanted a site of the federation, found "nowhere"/);
  expect(err).toContain('found count and outputsOf');
});

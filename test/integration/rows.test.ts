// Tasks from the rows of a table, from the CSV file to the outputs, by the real programs.

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

function tableJob(table: string, spec: Readonly<Record<string, unknown>> = {}): string {
  const file = rig.jobFile('mkdir out; echo "$2 $NOTE" > "$3"', {
    tasks: { rows: 'params.csv' },
    command: ['/bundle/run.sh', '{index}', '{temperature}', 'out/{name}.txt'],
    environment: { NOTE: 'of {name}: {note}' },
    outputs: ['out/{name}.txt'],
    ...spec,
  });
  writeFileSync(join(dirname(file), 'params.csv'), table);
  return file;
}

it('runs a task for each row, and tells which row each was', async () => {
  const table = 'name,temperature,note\nice,-1,"cold, ""hard"""\nsteam,101,{index}\n';
  const file = tableJob(table);
  const submitted = await rig.punnet('submit', file, '--watch');
  expect(submitted).toMatchObject({ code: 0 });
  const [jobId = ''] = submitted.out.split('\n');
  const tasks = await rig.tasks(jobId);
  expect(tasks.map((task) => task.row)).toEqual([
    { name: 'ice', temperature: '-1', note: 'cold, "hard"' },
    { name: 'steam', temperature: '101', note: '{index}' },
  ]);
  const shown = await rig.punnet('tasks', jobId);
  expect(shown.out).toMatch(/^TASK +NAME +TEMPERATURE +NOTE +STATE/);
  const to = join(rig.folder, 'fetched');
  expect(await rig.punnet('fetch', jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '0/out/ice.txt'), 'utf8')).toBe('-1 of ice: cold, "hard"\n');
  expect(readFileSync(join(to, '1/out/steam.txt'), 'utf8')).toBe('101 of steam: {index}\n');
});

it('tells the mistakes of the job file and of its table, each at its place', async () => {
  const file = tableJob('index,a\n1,2\n', { command: ['x', '{b}', '{input}'] });
  const { code, err } = await rig.punnet('submit', file);
  expect(code).toBe(2);
  expect(err).toContain(
    'command[1]: there is no placeholder {b}; with tasks.rows there are {index}, {a}, and',
  );
  expect(err).toContain(
    'command[2]: {input} wants tasks.inputs or tasks.outputsOf; with tasks.rows there are',
  );
  expect(err).toMatch(/params\.csv:1: field 1: the column "index" has the name of a placeholder/);
});

it('tells which lines the job cannot take', async () => {
  const file = tableJob('name,temperature,note\n"a\nb",1,x\n../../up,1,x\n');
  const { code, err } = await rig.punnet('submit', file);
  expect(code).toBe(2);
  expect(err).toMatch(
    /params\.csv:4: task 1: wanted outputs inside the work folder, found "out\/\.\.\//,
  );
});

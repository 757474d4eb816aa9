// Whom an operator can set something for: those who may submit jobs, or have.

import { expect, test } from 'vitest';
import { namesListed } from '../../../scheduler/core/limits.ts';
import { CoreHarness } from './harness.ts';

function set(core: CoreHarness, name: string) {
  return core.give({ kind: 'setResearcher', name, settings: { weight: 2 } }).answer;
}

test('nobody is made by a slip; who has a token or a job is named instead', () => {
  const core = new CoreHarness();
  expect(set(core, 'eve')).toMatchObject({ reason: expect.stringContaining('nobody yet') });
  core.submit('job');
  core.token('of a node');
  core.researcher('bob');
  const refused = { kind: 'refused', code: 'not_found', field: 'name' };
  const answer = set(core, 'bop');
  expect(answer).toMatchObject(refused);
  expect(answer).toMatchObject({ reason: expect.stringContaining('there are: ada, bob.') });
  expect(core.view.shares().map(({ name }) => name)).toEqual(['ada']);
  for (const name of ['ada', 'bob']) expect(set(core, name)).toEqual({ kind: 'done' });
});

test(`${namesListed} names are told, of more the number`, () => {
  const core = new CoreHarness();
  const names = Array.from({ length: namesListed + 1 }, (_, at) => `r${100 + at}`);
  for (const name of names.slice(1)) core.researcher(name);
  const told = (): string => JSON.stringify(set(core, 'eve'));
  expect(told()).toContain(`there are: ${names.slice(1).join(', ')}. `);
  core.researcher(names[0] ?? '');
  expect(told()).toContain(`${names.slice(0, namesListed).join(', ')}, 1 more. `);
});

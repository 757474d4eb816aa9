// operator.context, whatever a crash or an operator did to it: the operator gets in.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keepOperatorContext } from '../../scheduler/adapters/operator-context.ts';

const context = { name: 'punnet', endpoint: 'localhost:7443', caPem: 'ca', token: 'kept' };

/** Starts with this file and these tokens in the journal. */
async function start(text: string | null, journal: string[], endpoint = context.endpoint) {
  const dataFolder = mkdtempSync(join(tmpdir(), 'punnet-context-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const file = join(dataFolder, 'operator.context');
  if (text !== null) writeFileSync(file, text);
  await keepOperatorContext({
    ...{ dataFolder, name: 'punnet', endpoint, caPem: 'ca' },
    makeToken: () => 'new',
    isKnown: (token) => journal.includes(token),
    addToken: (token) => {
      // A crash after this must leave the file that has the token.
      expect(readFileSync(file, 'utf8')).toContain(token);
      journal.push(token);
      return Promise.resolve();
    },
  });
  const found = JSON.parse(readFileSync(file, 'utf8')) as typeof context;
  return { found, journal };
}

const whole = JSON.stringify(context);

test.each([
  ['none', null, [], 'new', ['new']],
  ['an empty one', '', ['kept'], 'new', ['kept', 'new']],
  ['one that was cut', whole.slice(0, 40), ['kept'], 'new', ['kept', 'new']],
  ['a whole one', whole, ['kept'], 'kept', ['kept']],
  ['one whose token was never journalled', whole, [], 'kept', ['kept']],
])('%s becomes one that works', async (...row) => {
  const [, text, known, token, journal] = row;
  const after = await start(text, [...known]);
  expect(after.found).toEqual({ ...context, token });
  expect(after.journal).toEqual(journal);
});

test('it follows the scheduler to another address, with the same token', async () => {
  const { found, journal } = await start(whole, ['kept'], 'elsewhere:1');
  expect(found).toEqual({ ...context, endpoint: 'elsewhere:1' });
  expect(journal).toEqual(['kept']);
});

// The owner's word for a place: made once, given to other Pis, taken back; reports carry its hash alone.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { changeHousehold, householdHash } from '../../../agent/adapters/owner/household.ts';
import { readLimits } from '../../../agent/adapters/owner/limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-household-'));
afterAll(() => rmSync(folder, { recursive: true }));
const [one, two] = ['one.json', 'two.json'].map((name) => join(folder, name)) as [string, string];

test('a code is made once, taken to another Pi by what was printed, and taken back', () => {
  writeFileSync(one, '{"slots": 1}');
  const made = changeHousehold(one, undefined);
  writeFileSync(one, made.text ?? '');
  const [, code = ''] = /sudo punnet-agent household ([0-9a-f]{32})$/.exec(made.said) ?? [];
  expect(readLimits(one)).toMatchObject({ slots: 1, household: code });
  expect(changeHousehold(one, undefined)).toEqual({ text: null, said: made.said });
  writeFileSync(two, changeHousehold(two, code).text ?? '');
  expect(readLimits(two).household).toBe(code);
  expect(householdHash(code)).toMatch(/^[0-9a-f]{32}$/);
  expect(householdHash(code)).not.toBe(code);
  writeFileSync(two, changeHousehold(two, 'none').text ?? '');
  expect(readLimits(two).household).toBeNull();
  expect(householdHash(null)).toBeUndefined();
});

test('a word that is no code, or a wrong file, is told and changes nothing', () => {
  const before = readFileSync(one, 'utf8');
  expect(() => changeHousehold(one, 'attic')).toThrow(/household: wanted 32 digits .* found attic/);
  expect(readFileSync(one, 'utf8')).toBe(before);
  writeFileSync(two, '{"slots": -1}');
  expect(() => changeHousehold(two, undefined)).toThrow(/slots: wanted a number/);
});

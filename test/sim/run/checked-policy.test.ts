// Mistakes in a policy of a researcher's own are told with the rule that made them, what it was asked
// and what was wanted; and a policy that makes none is asked all that it was written for.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ratio } from '../../../scheduler/core/index.ts';
import { choosePolicy } from '../../../sim/run/choose-policy.ts';
import { checkedPolicy } from '../../../sim/run/checked-policy.ts';
import { simulate } from '../../../sim/run/simulate.ts';
import { Question, watchedPolicy } from '../../../sim/run/watched-policy.ts';

const scenario = 'test/fixtures/scenarios/tiny.yaml';
const folder = mkdtempSync(join(tmpdir(), 'punnet-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with such a policy; what is not named is as it should be. */
function written(parts: Readonly<Record<string, string>>): string {
  const whole = {
    choice: `{ asks: 'slot', pick: ([option]) => (option ? { option, reason: 0 } : null) }`,
    ...{
      name: `'mine'`,
      hold: '() => null',
      nextTransfers: '(waiting, most) => [...waiting].slice(0, most)',
    },
    ...parts,
  };
  const lines = Object.entries(whole).map(([field, code]) => `  ${field}: ${code},`);
  const file = join(folder, `mine-${Object.values(parts).join('').length}.mjs`);
  writeFileSync(file, ['export const policy = {', ...lines, '};'].join('\n'));
  return file;
}

const slot = (pick: string): string => `{ asks: 'slot', pick: ${pick} }`;
const picked =
  'choice.pick was asked which task a free slot takes: wanted null, or { option, reason }';

test.each([
  [
    'throws',
    { choice: slot('() => { throw new TypeError("oops"); }') },
    /choice\.pick threw TypeError: oops \(mine-\d+\.mjs:2\)/,
  ],
  [
    'answers nothing',
    { choice: slot('() => {}') },
    `${picked} with an option and a number, found undefined`,
  ],
  [
    'answers an option alone',
    { choice: slot('([option]) => option ?? null') },
    `found { job, taskIndex, node, site, load, cost }`,
  ],
  [
    'forgets the reason',
    { choice: slot('([option]) => option ? { option } : null') },
    'found { option }',
  ],
  [
    'loses the node',
    {
      choice: slot(
        '([option]) => option ? { option: { ...option, node: undefined }, reason: 0 } : null',
      ),
    },
    picked,
  ],
  [
    'answers a number',
    { choice: `{ asks: 'task', pick: () => 7 }` },
    /choice\.pick was asked which of \d+ nodes the next task of job \S+ takes: .*, found 7/,
  ],
  [
    'holds by true',
    { hold: '() => true' },
    /hold was asked whether task \d+ of job \S+ waits rather than go to node n\d+: wanted null, or { code, reason, remedy } with texts, found true/,
  ],
  [
    'orders nothing',
    { nextTransfers: '() => undefined' },
    'nextTransfers was asked which transfers go next, at most 2: wanted a list of transfers, found undefined',
  ],
  ['holds a site by 1', { holdsSite: '() => 1' }, 'wanted true or false, found 1'],
  ['holds a fetch by 1', { holdsFetch: '() => 1' }, 'wanted true or false, found 1'],
  ['orders numbers', { nextTransfers: '() => [1, 2]' }, 'found a list with other things, 2 in all'],
] as const)('a policy that %s', async (_, parts, message) => {
  const policy = written(parts);
  await expect(simulate({ scenario, policy, seed: 1 }, () => undefined)).rejects.toThrow(message);
});

test('who asks must be a slot or a task', async () => {
  const policy = written({ choice: `{ asks: 'node', pick: () => null }` });
  await expect(choosePolicy(policy)).rejects.toThrow(`choice (asks 'slot' or 'task', and pick)`);
});

test('all rules of a policy are asked, watched or checked', () => {
  const whole = { ...ratio, holdsSite: () => false };
  for (const same of [watchedPolicy(whole, new Question()), checkedPolicy(whole, 'mine.ts')]) {
    expect(Object.keys(same).sort()).toEqual(Object.keys(whole).sort());
    expect(Object.keys(same.choice).sort()).toEqual(Object.keys(ratio.choice).sort());
  }
});

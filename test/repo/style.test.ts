// The style rules that a look at the text can check; oxlint checks the others.

import { expect, test } from 'vitest';
import { sourceFiles, textOf } from './sources.ts';

test('each file opens with a comment on what it is for', () => {
  const silent = sourceFiles().filter((file) => {
    const lines = textOf(file).split('\n');
    const first = lines[0]?.startsWith('#!') === true ? lines[1] : lines[0];
    return !/^\/\/ \S.{10}|^\/\*\*/.test(first ?? '');
  });
  expect(silent).toEqual([]);
});

// oxlint refuses these too (.oxlintrc.json); here a member such as `globalThis.Date` has no way round.
const impure =
  /\b(Date|Math\.random|process|performance|crypto|fetch|console|globalThis|Promise|async|await|(set|clear)(Timeout|Interval|Immediate)|queueMicrotask)\b/;

test('the cores and the network model read no clock, draw no number, wait for nothing and log nothing', () => {
  const broken = sourceFiles()
    .filter((file) => /^((scheduler|agent)\/core|sim\/network)\//.test(file))
    .flatMap((file) =>
      withoutComments(textOf(file))
        .split('\n')
        .filter((line) => impure.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
  expect(broken).toEqual([]);
});

/** Comments and texts speak of clocks and processes; code may not. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replaceAll(/'[^'\n]*'|`[^`]*`/g, "''");
}

test('a test that is skipped gives its reason: context.skip(condition, reason)', () => {
  const silent = sourceFiles().filter((file) =>
    /\b(test|it|describe)\.(skip|skipIf|runIf|todo|only)\b/.test(withoutComments(textOf(file))),
  );
  expect(silent).toEqual([]);
});

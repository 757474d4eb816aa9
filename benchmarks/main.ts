// `npm run bench`: runs all benchmarks, or those that are named, and prints their figures.

import { benchmarks } from './all.ts';
import type { Figure, Size } from './figure.ts';
import { isReached, tableOf } from './figure.ts';
import { describeMachine } from './machine.ts';

async function main(words: readonly string[]): Promise<number> {
  const size: Size = words.includes('--tiny') ? 'tiny' : 'full';
  const names = words.filter((word) => word !== '--tiny');
  const unknown = names.find((name) => !benchmarks.some((each) => each.name === name));
  if (unknown !== undefined) {
    const known = benchmarks.map((each) => `  ${each.name.padEnd(12)} ${each.about}`).join('\n');
    say(`There is no benchmark "${unknown}". There are:\n${known}`);
    return 2;
  }
  const figures: Figure[] = [];
  for (const benchmark of benchmarks) {
    if (names.length > 0 && !names.includes(benchmark.name)) continue;
    say(`\n${benchmark.name}: ${benchmark.about}\n${describeMachine()}`);
    const missing = benchmark.missing?.();
    if (missing !== undefined) {
      say(`It is left out: ${missing}.`);
      continue;
    }
    const outcome = await benchmark.run(size);
    say(tableOf(outcome.figures));
    say(`The answer was right (${outcome.digest}). ${describeMachine()}`);
    figures.push(...outcome.figures);
  }
  if (size === 'tiny') {
    say('\nA tiny run shows that the benchmarks work; its figures mean nothing.');
    return 0;
  }
  const missed = figures.filter((figure) => isReached(figure) === false);
  say(missed.length === 0 ? '\nAll that is wanted is reached.' : `\n${missed.length} missed.`);
  return missed.length === 0 ? 0 : 1;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));

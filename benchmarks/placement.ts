// Placement by itself, at 10,000 to 1,000,000 nodes: the index with its updates, the core's rounds, and
// these with all that `apply` does, beside a look at all nodes and beside two bare counters.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { builtFile, endWithUs } from './child.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';
import type { Measured, Trial } from './placement-trial.ts';
import { tellPhase } from './progress.ts';

const small = { nodes: 10_000, batch: 100, batches: 100 };
const trials: Readonly<Record<Size, readonly Trial[]>> = {
  full: [
    ...[0.7, 0.95].map((full) => ({ ...small, full })),
    ...[0.7, 0.95].map((full) => ({ ...small, nodes: 100_000, full })),
    ...[0.7, 0.95].map((full) => ({ ...small, nodes: 1_000_000, full })),
  ],
  tiny: [{ nodes: 300, batch: 10, batches: 3, full: 0.7 }],
};

/** At a million nodes, of which 70 % of the slots are taken. */
const wantedRate = 300_000;
const wantedMb = 250;

export const placement: Benchmark = {
  name: 'placement',
  about: 'placements for each second of CPU at 10,000 to 1,000,000 nodes, and their memory',
  async run(size: Size): Promise<Outcome> {
    const figures: Figure[] = [];
    let digest = 0;
    for (const trial of trials[size]) {
      tellPhase(nameOf(trial));
      const measured = await measure(trial);
      digest += measured.digest;
      figures.push(...figuresOf(trial, measured));
    }
    return { figures, digest: `sum of the nodes that were chosen ${digest}` };
  },
};

async function measure(trial: Trial): Promise<Measured> {
  const child = fork(builtFile('placement-process'), [], {
    execArgv: ['--expose-gc', '--max-old-space-size=12288'],
  });
  endWithUs(child);
  child.send(trial);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${nameOf(trial)}: the process that measures ended with code ${String(code)}`);
  });
  const [measured] = await Promise.race([once(child, 'message'), ended]);
  // Sent by placement-process.ts, which sends nothing else.
  return measured as Measured;
}

function figuresOf(trial: Trial, measured: Measured): readonly Figure[] {
  const { nodes, full } = trial;
  const name = nameOf(trial);
  const perSecond = { unit: '/CPU-s' };
  const least = full > 0.9 ? wantedRate / 2 : wantedRate;
  const wanted = nodes === 1_000_000 && { wanted: { atLeast: least } };
  const scan = { what: 'full scan', values: measured.scan };
  const bare = { what: 'two counters', values: measured.bare };
  return [
    { what: `${name}: index`, ...perSecond, values: measured.index, ...wanted, baseline: scan },
    { what: '… the same', ...perSecond, values: measured.index, baseline: bare },
    { what: '… one', unit: 'µs', values: measured.indexSingle },
    { what: '… one', unit: 'µs', values: measured.indexSingle, quantile: 0.99 },
    { what: '… rounds of the core', ...perSecond, values: measured.rounds, baseline: scan },
    { what: '… one in a round', unit: 'µs', values: measured.single },
    { what: '… one in a round', unit: 'µs', values: measured.single, quantile: 0.99 },
    { what: '… submitted, placed, ended', ...perSecond, values: measured.whole },
    {
      ...{ what: '… nodes in memory', unit: 'MB', values: [measured.nodesMb] },
      ...(nodes === 1_000_000 && { wanted: { atMost: wantedMb } }),
      baseline: { what: 'index of them', values: [measured.indexMb] },
    },
  ];
}

function nameOf({ nodes, full }: Trial): string {
  return `${nodes.toLocaleString('en-US')} nodes, ${100 * full} % full`;
}

// The benchmark of install.sh at its tiny size: one machine of namespaces in a home behind NAT, whose owner
// pastes the line, gets a tunnel by the shipped units, and finishes a task.

import { expect, test } from 'vitest';
import { install } from '../../benchmarks/install.ts';
import { longTestMs } from '../integration/program.ts';

test(
  'a Pi in a home is installed by the line that its owner pastes, and finishes a task over its tunnel',
  async ({ skip }) => {
    skip(process.env['PUNNET_LONG_TESTS'] === undefined, 'npm run test:packages runs it');
    const missing = install.missing?.();
    skip(missing !== undefined, missing);
    const { figures } = await install.run('tiny');
    const [installed = 0, finished = 0] = figures.map(({ values }) => values[0]);
    expect(installed).toBeGreaterThan(0);
    expect(finished).toBeGreaterThan(installed);
  },
  longTestMs,
);

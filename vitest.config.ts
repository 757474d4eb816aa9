// How the tests run, here and in CI.

import { defineConfig } from 'vitest/config';
import { HangReporter } from './test/hang-reporter.ts';
import { longTestMs, patienceMs } from './test/integration/program.ts';
import { LongestFirst } from './test/longest-first.ts';
import { SummaryReporter } from './test/summary-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What hangs is found all the same; what is slow because the machine is shared is no fault.
    testTimeout: 150_000,
    hookTimeout: 150_000,
    // Real servers and agents are waited for much of the time, also where there are but two cores.
    maxWorkers: 4,
    // Nothing here changes what a module holds: loading all anew for each file took the 43 files of
    // rules 20 of their 53 CPU seconds.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    reporters: [
      'default',
      new HangReporter(longTestMs + patienceMs),
      new SummaryReporter(process.env['PUNNET_TEST_COUNTS']),
    ],
  },
});

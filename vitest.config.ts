import { defineConfig } from 'vitest/config';

// CI names a file for the summary that its closing line is made of.
const summary = process.env['VITEST_JSON'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: summary === undefined ? ['default'] : ['default', 'json'],
    ...(summary === undefined ? {} : { outputFile: { json: summary } }),
  },
});

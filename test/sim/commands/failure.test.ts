// What ends a run is told in words that help.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { outOfMemory } from '../../../sim/commands/failure.ts';

test('a thread that took more memory than there is says what helps', async () => {
  const code = 'const all = []; for (;;) all.push(new Array(1e4).fill(1));';
  const thread = new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  const [error] = await once(thread, 'error').catch((reason: unknown) => [reason]);
  expect(error).toBeInstanceOf(Error);
  expect(outOfMemory(error, 'scenario tiny')?.message).toMatch(
    /^scenario tiny: wanted at most \d+ MB of memory, .*: run a smaller scenario/,
  );
  expect(outOfMemory(new Error('another'), 'scenario tiny')).toBe(null);
});

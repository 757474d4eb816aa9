// What a check of the sandbox that takes too long is called: that it was slow, and not that the machine
// lacks what a sandbox needs.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { testAbilities } from '../../../agent/adapters/sandbox/self-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-self-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a check that has not ended in its time says so, and names no remedy that would be none', async () => {
  const said = await testAbilities(folder, 1).then(({ problems }) => problems.join('; '), String);
  expect(said).toContain('rlimit: no end of the check within 1 ms');
  expect(said).not.toContain('user namespaces');
});

// A shim runs no task with internet in the node's own network, whoever started it there.

import { execFileSync } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { readExit } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import { SandboxRig } from '../sandbox/sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());

test('its task does not start there', async () => {
  await rig.stage(1, 'touch started', { internetBytes: 1_000_000 });
  const [shim = '', ...words] = rig.shimCommand;
  const folder = rig.sandbox.folderOf(1);
  execFileSync(shim, words, { input: `${folder}\n`, stdio: 'pipe' });
  expect(readExit(folder)).toMatchObject({
    code: 'not_started',
    detail: expect.stringContaining('its shim is not in a network of its own'),
  });
}, 300_000);

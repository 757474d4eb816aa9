// The client in Python, on Debian's packages alone, as examples/python/README.md says.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Rig, root } from './rig.ts';

const run = promisify(execFile);
let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['pi']);
});
afterAll(() => rig.stop());

it('submits a job, watches it and prints an output', async () => {
  const examples = join(root, 'examples');
  const stubs = join(rig.folder, 'stubs');
  const bundle = join(rig.folder, 'bundle.tar');
  const context = join(rig.folder, 'alice.context');
  const made = await rig.punnet('token', 'create', '--researcher', 'alice', '--to', context);
  expect(made.err).toBe('');
  await run(join(examples, 'python/make-stubs.sh'), [stubs]);
  await run('tar', ['-C', join(examples, 'words/count'), '-cf', bundle, '.']);
  const env = { ...process.env, PYTHONPATH: stubs };
  const client = [join(examples, 'python/client.py'), context, bundle];
  // Debian's own Python: another one in the PATH does not have its packages.
  const { stdout, stderr } = await run('/usr/bin/python3', client, { env });
  expect(stderr).toMatch(/2 of 2\n$/);
  expect(stdout).toMatch(/^ +\d+ sort\n/m);
  const { jobs } = JSON.parse((await rig.punnet('jobs', '--output', 'json')).out);
  expect(jobs).toMatchObject([{ researcher: 'alice', state: 'JOB_STATE_SUCCEEDED' }]);
});

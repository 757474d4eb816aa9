// A machine that refuses namespaces, made by dropping capabilities: the self test says so, tasks
// are refused, and run with rlimits alone only where that was allowed.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { leftoversOf } from '../../../agent/adapters/sandbox/task-processes.ts';
import type { StartRequest } from '../../../agent/adapters/sandbox/stage.ts';
import { refusingNamespaces, whyNotRefusing } from '../../refusing-namespaces.ts';
import { bundleInto } from '../../bundle-into.ts';
import { SandboxRig } from './sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());

const source = `import { Sandbox } from './agent/adapters/sandbox/sandbox.ts';
  const [stateFolder, shimCommand, request, allow] = process.argv.slice(2);
  const sandbox = new Sandbox({ stateFolder, shimCommand: JSON.parse(shimCommand),
    allowUnsandboxed: allow === 'allow' });
  const { backend, hasNamespaces, problems } = await sandbox.selfTest();
  const told = { backend, hasNamespaces, problems: problems.length };
  sandbox.onExit((_, exit) => { console.log(JSON.stringify({ ...told, exit })); process.exit(0); });
  await sandbox.stage(JSON.parse(request)).catch((error) => {
    console.log(JSON.stringify({ ...told, refused: error.code })); process.exit(0); });
  await sandbox.start(JSON.parse(request).leaseId);
  setInterval(() => undefined, 1000);`;

async function runWithout(asked: StartRequest, allow: string): Promise<unknown> {
  const program = bundleInto(rig.folder, 'agent.mjs', source);
  const request = JSON.stringify(asked);
  const shim = JSON.stringify(rig.shimCommand);
  const [file = '', ...before] = refusingNamespaces;
  const words = [...before, process.execPath, program, rig.folder, shim, request, allow];
  const { stdout } = await promisify(execFile)(file, words);
  const value: unknown = JSON.parse(stdout);
  return value;
}

beforeEach(({ skip }) => skip(whyNotRefusing !== '', whyNotRefusing));

test('tasks are refused', { timeout: 20_000 }, async () => {
  expect(await runWithout(rig.request(1, 'echo x'), 'refuse')).toMatchObject({
    backend: 'bare',
    hasNamespaces: false,
    refused: 'unsandboxed',
  });
});

test('allowed, they run and leave no daemon', { timeout: 20_000 }, async () => {
  const script = 'setsid sleep 300 & echo done > out';
  expect(await runWithout(rig.request(2, script), 'allow')).toMatchObject({
    backend: 'bare',
    exit: { code: 'succeeded' },
  });
  expect(leftoversOf(rig.sandbox.folderOf(2))).toEqual([]);
});

test('allowed, a root file system is refused all the same', { timeout: 20_000 }, async () => {
  const request = rig.request(3, 'echo x', { isRootFileSystem: true });
  expect(await runWithout(request, 'allow')).toMatchObject({ refused: 'unsandboxed' });
});

test('allowed, one with internet is refused: it would have all of the node', async () => {
  const request = rig.request(4, 'echo x', { internetBytes: 1_000_000 });
  expect(await runWithout(request, 'allow')).toMatchObject({ refused: 'unsandboxed' });
}, 120_000);

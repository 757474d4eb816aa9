// An agent killed with SIGKILL loses no task: the next one adopts what ran on, and what vanished.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, describe, expect, test } from 'vitest';
import { findShim } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import { bundleInto, SandboxRig } from './sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());
const { hasNamespaces, problems } = await rig.sandbox.selfTest();
if (!hasNamespaces) console.log(`skipped: ${problems.join('; ')}`);

const agentSource = `import { Sandbox } from './agent/adapters/sandbox/sandbox.ts';
  const [stateFolder, shimCommand, request] = process.argv.slice(2);
  const sandbox = new Sandbox({ stateFolder, shimCommand: JSON.parse(shimCommand) });
  await sandbox.start(JSON.parse(request));
  console.log('started');
  setInterval(() => undefined, 1000);`;

async function startAndKillAgent(leaseId: number, script: string): Promise<void> {
  const program = bundleInto(rig.folder, 'agent.mjs', agentSource);
  const request = JSON.stringify(rig.request(leaseId, script));
  const shim = JSON.stringify(rig.shimCommand);
  const agent = spawn(process.execPath, [program, rig.folder, shim, request], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(agent.stdout, 'data');
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

describe.skipIf(!hasNamespaces)('after kill -9 of the agent', () => {
  test('a running task is adopted and its end is told', { timeout: 30_000 }, async () => {
    await startAndKillAgent(1, 'sleep 1; echo result > out');
    const ended = rig.ended(1);
    expect(await rig.sandbox.adopt()).toEqual([{ leaseId: 1, state: 'running' }]);
    expect(await ended).toMatchObject({ code: 'succeeded' });
    expect(await rig.sandbox.adopt()).toMatchObject([
      { leaseId: 1, state: 'exited', exit: { code: 'succeeded' } },
    ]);
    rig.sandbox.remove(1);
  });

  test('a task whose shim was killed too is lost', { timeout: 30_000 }, async () => {
    await startAndKillAgent(2, 'sleep 100');
    const shim = findShim(rig.sandbox.folderOf(2));
    expect(shim).not.toBeNull();
    const ended = rig.ended(2);
    await rig.sandbox.adopt();
    if (shim !== null) process.kill(shim.pid, 'SIGKILL');
    expect(await ended).toMatchObject({ code: 'lost' });
    rig.sandbox.remove(2);
  });
});

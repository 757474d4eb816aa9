// An agent killed with SIGKILL loses no task: the next one adopts what ran on, and what vanished.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { findShim, markProcess, readExit } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import { leftoversOf } from '../../../agent/adapters/sandbox/task-processes.ts';
import { bundleInto } from '../../bundle-into.ts';
import { runToEnd } from '../../run-to-end.ts';
import { pidsWith, SandboxRig, until } from './sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());
const { hasNamespaces, problems } = await rig.sandbox.selfTest();
beforeEach(({ skip }) => skip(!hasNamespaces, `no namespaces: ${problems.join('; ')}`));

const agentSource = `import { Sandbox } from './agent/adapters/sandbox/sandbox.ts';
  const [stateFolder, shimCommand, request, more] = process.argv.slice(2);
  const sandbox = new Sandbox({ stateFolder, shimCommand: JSON.parse(shimCommand) });
  await sandbox.stage(JSON.parse(request));
  if (more !== '') await sandbox.stage(JSON.parse(more));
  await sandbox.start(JSON.parse(request).leaseId);
  console.log('started');
  setInterval(() => undefined, 1000);`;

/** @param stagedLeaseId of an attempt that is staged and not started. */
async function startAndKillAgent(
  leaseId: number,
  script: string,
  stagedLeaseId?: number,
): Promise<void> {
  const program = bundleInto(rig.folder, 'agent.mjs', agentSource);
  const request = JSON.stringify(rig.request(leaseId, script));
  const shim = JSON.stringify(rig.shimCommand);
  const more =
    stagedLeaseId === undefined ? '' : JSON.stringify(rig.request(stagedLeaseId, 'true'));
  const agent = spawn(process.execPath, [program, rig.folder, shim, request, more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(agent.stdout, 'data');
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

describe('after kill -9 of the agent', () => {
  test('a running task is adopted and its end is told', { timeout: 30_000 }, async () => {
    await startAndKillAgent(1, 'sleep 1; echo result > out');
    const ended = rig.ended(1);
    expect(await rig.sandbox.adopt()).toEqual([{ leaseId: 1, state: 'running' }]);
    expect(await ended).toMatchObject({ code: 'succeeded' });
    expect(await rig.sandbox.adopt()).toMatchObject([
      { leaseId: 1, state: 'exited', exit: { code: 'succeeded' } },
    ]);
    await rig.sandbox.remove(1);
  });

  test('a task whose shim was killed too is lost', { timeout: 30_000 }, async () => {
    await startAndKillAgent(2, 'sleep 100');
    const shim = findShim(rig.sandbox.folderOf(2));
    expect(shim).not.toBeNull();
    const ended = rig.ended(2);
    await rig.sandbox.adopt();
    if (shim !== null) process.kill(shim.pid, 'SIGKILL');
    expect(await ended).toMatchObject({ code: 'lost' });
    await rig.sandbox.remove(2);
  });

  test('a task of before a reboot is lost', { timeout: 30_000 }, async () => {
    await startAndKillAgent(3, 'sleep 100');
    const folder = rig.sandbox.folderOf(3);
    const shim = findShim(folder);
    if (shim !== null) process.kill(shim.pid, 'SIGKILL');
    // After a reboot the same number is some other process.
    const mark = { ...markProcess(process.pid), bootId: 'another boot' };
    writeFileSync(join(folder, 'shim.json'), JSON.stringify(mark));
    const adopted = await rig.sandbox.adopt();
    expect(adopted).toMatchObject([{ leaseId: 3, state: 'exited', exit: { code: 'lost' } }]);
    // The kernel ends what the shim watched in its own time.
    await expect.poll(() => leftoversOf(folder), { timeout: 20_000 }).toEqual([]);
    await rig.sandbox.remove(3);
  });

  test('an attempt that was staged and not started is removed', async () => {
    await rig.stage(4, 'echo x');
    // As an agent of this pid that was killed while it removed one.
    mkdirSync(rig.sandbox.folderOf(4) + `/../unstarted-${process.pid}/work`, { recursive: true });
    expect(await rig.sandbox.adopt()).toEqual([]);
    expect(existsSync(rig.sandbox.folderOf(4))).toBe(false);
  });

  test('what the state was torn to is no attempt, and stops nothing', async () => {
    const folder = rig.sandbox.folderOf(5);
    mkdirSync(folder);
    writeFileSync(join(folder, 'attempt.json'), '{"leaseId": 5, "comm');
    expect(await rig.sandbox.adopt()).toEqual([]);
    await rig.stage(6, 'sleep 100');
    writeFileSync(join(rig.sandbox.folderOf(6), 'shim.json'), '');
    writeFileSync(join(rig.sandbox.folderOf(6), 'exit.json'), '{"code": "succ');
    expect(await rig.sandbox.adopt()).toMatchObject([{ leaseId: 6, exit: { code: 'lost' } }]);
    await rig.sandbox.remove(6);
  });

  test('a shim whose attempt was told as lost runs nothing', { timeout: 30_000 }, async () => {
    await rig.stage(7, 'echo ran > ran');
    const folder = rig.sandbox.folderOf(7);
    const lost = { code: 'lost', exitCode: -1, cpuMs: 0, wallMs: 0, detail: 'vanished' };
    writeFileSync(join(folder, 'exit.json'), JSON.stringify(lost));
    const [file = '', ...words] = rig.shimCommand;
    expect(runToEnd(file, words, { input: folder }).status).toBe(0);
    expect(existsSync(join(folder, 'work/ran'))).toBe(false);
    expect(readExit(folder)).toEqual(lost);
    await rig.sandbox.remove(7);
  });
});

describe('a shim in waiting', () => {
  test('ends with its agent', async () => {
    await startAndKillAgent(8, 'sleep 0.1', 9);
    await until(() => shims().length === 0);
    for (const { leaseId } of await rig.sandbox.adopt()) await rig.sandbox.remove(leaseId);
  });

  test('is there while an attempt is staged, and no longer', async () => {
    expect(shims()).toEqual([]);
    await rig.stage(10, 'echo x');
    await rig.stage(11, 'echo x');
    const [waiting] = shims();
    expect(shims()).toHaveLength(1);
    const ended = rig.ended(10);
    await rig.sandbox.start(10);
    expect(findShim(rig.sandbox.folderOf(10))?.pid ?? waiting).toBe(waiting);
    await ended;
    await rig.sandbox.remove(10);
    await rig.sandbox.remove(11);
    await until(() => shims().length === 0);
  });
});

/** Processes that run this rig's shim. */
function shims(): readonly number[] {
  return pidsWith(rig.shimCommand.at(-1) ?? '');
}

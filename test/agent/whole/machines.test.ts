// The built agent on machines unlike this one: without namespaces, without root, on Node 18. Each
// runs a real job, or says why not.

import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig, root, type Launch } from '../../integration/rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
});
afterEach(async (context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
  for (const { agent } of rig.nodes) await agent.kill('SIGTERM');
});
afterAll(() => rig.stop());

const plainUid = 65_432;
const plain = ['setpriv', `--reuid=${plainUid}`, `--regid=${plainUid}`, '--clear-groups'];
// A user namespace that may not be made (limit 0 in one of our own) refuses bwrap for certain.
const walled = [
  ...['unshare', '--user', '--map-root-user', '--', 'sh', '-c'],
  'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin "$@"',
  'sh',
];
const node18 = join(root, 'tools/node-18/node');

const canNest = runs([...walled.slice(0, 3), '--', 'true']);
const canBePlain = runs([...plain, 'test', '-r', join(root, 'dist/punnet-agent.cjs')]);
const hasNode18 = existsSync(node18);

function runs([file = '', ...words]: readonly string[]): boolean {
  try {
    execFileSync(file, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Adds the node and runs a job there; returns what its tasks printed. */
async function runJob(name: string, launch: Launch): Promise<readonly string[]> {
  await rig.addNodes([name], { launch });
  const script = 'head -n 1 in.txt > out.txt; id -u; cat /etc/shadow 2>/dev/null || echo refused';
  const file = rig.jobFile(script, {
    tasks: { count: 2 },
    sharedInputs: [{ file: 'program/run.sh', path: 'in.txt' }],
    outputs: ['out.txt'],
  });
  const job = await rig.submit(file);
  await rig.untilSucceeded(job.jobId);
  const tasks = await rig.tasks(job.jobId);
  expect(tasks.map(({ nodeName }) => nodeName)).toEqual([name, name]);
  const to = join(rig.folder, `results-${name}`);
  expect(await rig.punnet('fetch', job.jobId, '--to', to)).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, '1/out.txt'), 'utf8')).toBe('#!/bin/sh\n');
  const logs = await Promise.all(['0', '1'].map((index) => rig.punnet('logs', job.jobId, index)));
  return logs.map(({ out }) => out);
}

test('root: each task has a user of its own', async () => {
  const logs = await runJob('rooted', {});
  for (const log of logs) expect(log).toMatch(/^\d{5,}\nrefused\n$/);
  expect(logs[0]).not.toBe(logs[1]);
});

test('Node 18, which Raspberry Pi OS has', async ({ skip }) => {
  skip(!hasNode18, 'there is no Node 18 (node tools/setup.mjs --for test)');
  const tell = join(rig.folder, 'tell-modules.cjs');
  const words = `'modules: ' + process.moduleLoadList.join()`;
  writeFileSync(tell, `process.once('SIGUSR2', () => console.log(${words}));`);
  const by = [node18, '--require', tell];
  for (const log of await runJob('old', { by })) expect(log).toMatch(/\nrefused\n$/);
  const { inventory } = await rig.untilNode('old', () => true);
  expect(inventory?.nodeVersion).toMatch(/^18\./);
  const { agent } = rig.node('old');
  agent.signal('SIGUSR2');
  const modules = await agent.said('modules: ');
  expect(modules).toContain('NativeModule https');
  // What a small board would keep in memory for nothing.
  expect(modules).not.toMatch(/NativeModule (perf_hooks|internal\/webstreams|stream\/consumers)/);
});

test('a user without rights', async ({ skip }) => {
  skip(!canBePlain, 'not root, or a plain user can not read the build');
  const state = join(rig.folder, 'plain');
  mkdirSync(state);
  chownSync(state, plainUid, plainUid);
  const logs = await runJob('plain', { by: [...plain, process.execPath] });
  expect(logs).toEqual([`${plainUid}\nrefused\n`, `${plainUid}\nrefused\n`]);
  expect((await rig.untilNode('plain', () => true)).inventory?.sandbox).toBe('rlimit');
});

describe('no namespaces', () => {
  beforeEach(({ skip }) => skip(!canNest, 'this machine makes no user namespaces'));
  const by = [...walled, process.execPath];

  test('the agent takes no task and says why, to operators and researchers', async () => {
    await rig.addNodes(['walled'], { launch: { by } });
    const node = await rig.untilNode('walled', ({ status }) => status?.isAccepting === false);
    const reason = /no sandbox.*bwrap.*namespace/;
    expect(node.status?.notAccepting).toMatchObject({ code: 'sandbox' });
    expect(node.status?.notAccepting?.reason).toMatch(reason);
    expect((await rig.punnet('node', node.nodeId)).out).toMatch(/no sandbox/);
    const { jobId } = await rig.submit(rig.jobFile('true', { tasks: { count: 1 } }));
    expect((await rig.punnet('explain', jobId)).out).toMatch(/no sandbox/);
    await rig.punnet('cancel', jobId);
    const status = await rig.call(
      'punnet-agent.cjs',
      'status',
      '--state',
      rig.node('walled').state,
    );
    expect(status.out).toMatch(reason);
  });

  test('with --allow-unsandboxed it runs tasks by rlimits, and warns', async () => {
    await runJob('bare', { by, flags: ['--allow-unsandboxed'] });
    expect(rig.node('bare').agent.tail()).toMatch(/WARNING: tasks run without a sandbox/);
    expect((await rig.untilNode('bare', () => true)).inventory?.sandbox).toBe('none');
  });
});

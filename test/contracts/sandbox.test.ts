// The sandbox's contract, by every back end that this machine has.

import { spawnSync } from 'node:child_process';
import { test } from 'vitest';
import { sandboxContract } from './sandbox.contract.ts';
import { SandboxRig } from '../agent/sandbox/sandbox-rig.ts';
import { CgroupV1 } from '../../agent/adapters/sandbox/cgroup-v1.ts';
import { CgroupV2 } from '../../agent/adapters/sandbox/cgroup-v2.ts';
import { isUserOwn } from '../../agent/adapters/sandbox/task-user.ts';

const probe = new SandboxRig();
const { hasNamespaces, problems } = await probe.sandbox.selfTest();
probe.close();
const isRoot = process.getuid?.() === 0;
const allWalls = ['namespaces', 'user'] as const;

/** Where v1 has the controllers, v2 is what a kernel without a memory cgroup has: put in its place. */
const withV2Alone = [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
  'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"',
  'sh',
];
const v2At = /^\S+ (\S+) cgroup2 /m.exec(spawnSync('cat', ['/proc/mounts']).stdout.toString())?.[1];
const canPutV2 = isRoot && spawnSync('unshare', withV2Alone.slice(1).concat('true')).status === 0;

if (isUserOwn && hasNamespaces && CgroupV1.isUsable()) {
  const at = { walls: allWalls, groupsAt: '/sys/fs/cgroup/memory/punnet' };
  sandboxContract('cgroup v1', { backend: 'cgroup-v1', rig: new SandboxRig(), ...at });
} else test('cgroup v1', ({ skip }) => skip(problems.join('; ')));

if (isUserOwn && hasNamespaces && CgroupV2.prepare()?.includes('memory') === true) {
  const at = { walls: allWalls, groupsAt: '/sys/fs/cgroup/punnet' };
  sandboxContract('cgroup v2', { backend: 'cgroup-v2', rig: new SandboxRig(), ...at });
} else test('cgroup v2', ({ skip }) => skip('v2 has no memory controller here: test:pi1 has one'));

if (isUserOwn && hasNamespaces && canPutV2) {
  const at = { walls: allWalls, groupsAt: `${v2At}/punnet` };
  const rig = new SandboxRig('own', withV2Alone);
  sandboxContract('cgroup v2 without memory', { backend: 'cgroup-v2-rlimit', rig, ...at });
} else test('cgroup v2 without memory', ({ skip }) => skip('v2 cannot be mounted alone here'));

if (hasNamespaces) {
  const walls = isUserOwn ? allWalls : (['namespaces'] as const);
  // What holds a task there is what holds it in a group of v2, with all of the above.
  if (!canPutV2) sandboxContract('rlimits', { backend: 'rlimit', rig: new SandboxRig(), walls });
  if (isRoot) {
    const rig = new SandboxRig('plain');
    sandboxContract('rlimits, not root', { backend: 'rlimit', rig, walls: ['namespaces'] });
  } else test('rlimits, not root', ({ skip }) => skip('not root: this is what ran above'));
} else test('rlimits', ({ skip }) => skip(`no namespaces: ${problems.join('; ')}`));

const bareWalls = isUserOwn ? (['user'] as const) : [];
sandboxContract('no namespaces', { backend: 'bare', rig: new SandboxRig(), walls: bareWalls });

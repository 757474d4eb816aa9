// The sandbox's contract, by every back end that this machine has.

import { test } from 'vitest';
import { sandboxContract } from './sandbox.contract.ts';
import { SandboxRig } from '../agent/sandbox/sandbox-rig.ts';
import { CgroupV1 } from '../../agent/adapters/sandbox/cgroup-v1.ts';
import { isUserOwn } from '../../agent/adapters/sandbox/task-user.ts';

const probe = new SandboxRig();
const { hasNamespaces, problems } = await probe.sandbox.selfTest();
probe.close();
const isRoot = process.getuid?.() === 0;

if (isUserOwn && hasNamespaces && CgroupV1.isUsable()) {
  const walls = ['namespaces', 'user'] as const;
  sandboxContract('cgroup v1', { backend: 'cgroup-v1', rig: new SandboxRig(), walls });
} else test('cgroup v1', ({ skip }) => skip(problems.join('; ')));

if (hasNamespaces) {
  const walls = isUserOwn ? (['namespaces', 'user'] as const) : (['namespaces'] as const);
  sandboxContract('rlimits', { backend: 'rlimit', rig: new SandboxRig(), walls });
  if (isRoot) {
    const rig = new SandboxRig('plain');
    sandboxContract('rlimits, not root', { backend: 'rlimit', rig, walls: ['namespaces'] });
  } else test('rlimits, not root', ({ skip }) => skip('not root: this is what ran above'));
} else test('rlimits', ({ skip }) => skip(`no namespaces: ${problems.join('; ')}`));

const bareWalls = isUserOwn ? (['user'] as const) : [];
sandboxContract('no namespaces', { backend: 'bare', rig: new SandboxRig(), walls: bareWalls });

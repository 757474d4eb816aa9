// Which group attempts have theirs below, and what holds them where.

import { expect, test } from 'vitest';
import { baseOf } from '../../../agent/adapters/sandbox/cgroup-v2.ts';
import { backendsFor, memoryProblem } from '../../../agent/adapters/sandbox/self-test.ts';

const unit = '/system.slice/punnet-agent.service';

test.each([
  ['an agent in its unit', `0::${unit}\n`, false, `/sys/fs/cgroup${unit}`],
  ['one that has made room, and its shims', `0::${unit}/agent\n`, false, `/sys/fs/cgroup${unit}`],
  ['one on a machine with v1 too', `4:pids:/x\n0::${unit}\n`, false, `/sys/fs/cgroup${unit}`],
  ['one in a container of its own', '0::/\n', false, null],
  ['one where there is no v2', '4:pids:/x\n', false, null],
  [
    "root's, wherever it was started",
    '0::/user.slice/session-1.scope\n',
    true,
    '/sys/fs/cgroup/punnet',
  ],
])('attempts of %s are below its base', (_whose, memberships, isRoot, base) => {
  expect(baseOf(memberships, isRoot)).toBe(base);
});

test('an owner is told to change the kernel only where that helps', () => {
  expect(memoryProblem(['cpu', 'pids'])).toContain('cgroup_enable=memory');
  expect(memoryProblem(['cpu', 'memory', 'pids'])).toContain('punnet-agent.service');
  expect(memoryProblem(['cpu', 'memory', 'pids'])).not.toContain('cgroup_enable');
});

test.each([
  ['v1, where it is', true, null, 'cgroup-v1'],
  ['v2 with all', false, ['memory', 'pids', 'cpu'], 'cgroup-v2'],
  ['v2 without memory, as Raspberry Pi OS starts', false, ['pids', 'cpu'], 'cgroup-v2-rlimit'],
  ['v2 without any controller', false, [], 'cgroup-v2-rlimit'],
  ['no group at all', false, null, 'rlimit'],
] as const)('the first to be tried is %s', (_what, hasV1, given, first) => {
  const candidates = backendsFor(hasV1, given);
  expect(candidates[0]).toBe(first);
  expect(candidates.slice(-2)).toEqual(['rlimit', 'bare']);
});

// Hostile and plain tasks, really run: each is contained, named by reason, and leaves nothing.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { attemptMark } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import type { StartRequest } from '../../../agent/adapters/sandbox/sandbox.ts';
import { pidsMarked } from '../../../agent/adapters/sandbox/task-processes.ts';
import { SandboxRig } from './sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());
const abilities = await rig.sandbox.selfTest();
const { hasNamespaces } = abilities;
const hasCgroup = abilities.backend === 'cgroup-v1';
if (!hasNamespaces) console.log(`skipped: ${abilities.problems.join('; ')}`);

interface Case {
  readonly name: string;
  readonly script: string;
  readonly code: string;
  readonly log?: RegExp;
  readonly detail?: RegExp;
  readonly more?: Partial<StartRequest>;
}

const memoryEater = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done';
const cases: readonly Case[] = [
  {
    name: 'prints',
    script: 'echo $GREETING; pwd',
    code: 'succeeded',
    log: /hello\n\/work/,
  },
  { name: 'exits 3', script: 'exit 3', code: 'exited', detail: /status 3/ },
  {
    name: 'kills itself',
    script: 'kill -9 $$',
    code: 'signalled',
    detail: /signal 9/,
  },
  {
    name: 'names no program',
    script: '',
    code: 'not_started',
    detail: /no-such-tool/,
    more: { command: ['no-such-tool'] },
  },
  { name: 'eats memory', script: memoryEater, code: 'out_of_memory' },
  {
    name: 'fills the disk with one file',
    script: 'cat /dev/zero > big',
    code: 'out_of_disk',
  },
  {
    name: 'fills the disk with many files',
    script: 'i=0; while :; do head -c 500000 /dev/zero > f$i; i=$((i+1)); sleep 0.02; done',
    code: 'out_of_disk',
  },
  {
    name: 'ignores SIGTERM',
    script: 'trap "" TERM; while :; do sleep 0.1; done',
    code: 'timeout',
    more: { timeoutMs: 700 },
  },
  {
    name: 'forks without end',
    script: 'f() { f | f & }; f; sleep 30',
    code: 'timeout',
    more: { timeoutMs: 1500 },
  },
  {
    name: 'reads /etc/shadow',
    script: 'cat /etc/shadow || exit 7',
    code: 'exited',
  },
  { name: 'writes to /usr', script: 'echo > /usr/x || exit 7', code: 'exited' },
  { name: 'writes to /', script: 'echo > /x || exit 7', code: 'exited' },
  {
    name: 'writes to its bundle',
    script: 'echo > /bundle/x || exit 7',
    code: 'exited',
  },
  {
    name: 'looks for a network',
    script: 'grep -v lo: /proc/net/dev | grep : || exit 7',
    code: 'exited',
    detail: /status 7/,
  },
  {
    name: 'leaves a daemon',
    script: 'setsid sleep 300 >/dev/null 2>&1 & echo done',
    code: 'succeeded',
  },
  {
    name: 'prints without end',
    script: 'head -c 5000000 /dev/zero | tr "\\0" a; echo END',
    code: 'succeeded',
    log: /END/,
  },
];

describe.skipIf(!hasNamespaces)('a task that', () => {
  test.each(cases.map((each, index) => ({ ...each, leaseId: index + 1 })))(
    '$name ends as $code',
    { timeout: 30_000 },
    async ({ leaseId, script, code, log, detail, more }) => {
      const exit = await rig.run(leaseId, script, more);
      expect(exit, rig.sandbox.logTail(leaseId)).toMatchObject({ code });
      if (log !== undefined) expect(rig.sandbox.logTail(leaseId)).toMatch(log);
      if (detail !== undefined) expect(exit.detail).toMatch(detail);
      expectClean(leaseId);
    },
  );

  test('is cancelled ends as cancelled', { timeout: 30_000 }, async () => {
    const ended = rig.ended(50);
    await rig.sandbox.start(rig.request(50, 'sleep 100'));
    rig.sandbox.stop(50, 'cancelled');
    expect((await ended).code).toBe('cancelled');
    expectClean(50);
  });
});

function expectClean(leaseId: number): void {
  const mark = attemptMark(rig.sandbox.folderOf(leaseId));
  expect(pidsMarked(mark)).toEqual([]);
  if (hasCgroup) expect(existsSync(join('/sys/fs/cgroup/memory/punnet', mark))).toBe(false);
  expect(readdirSync(rig.bundlePath)).toEqual(['bin']);
}

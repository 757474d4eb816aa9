// Raspberry Pi OS as shipped has no memory cgroup: the same ends with rlimits inside of namespaces,
// by running the shim on an attempt.json that says so. Also bundles' own tools and root file systems.

import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import type { Exit } from '../../../agent/core/index.ts';
import {
  readExit,
  taskUid,
  writeJsonDurably,
  type AttemptSpec,
} from '../../../agent/adapters/sandbox/attempt-spec.ts';
import { canChangeUser } from '../../../agent/adapters/sandbox/run-chain.ts';
import { SandboxRig } from './sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());
const { hasNamespaces, problems } = await rig.sandbox.selfTest();
if (!hasNamespaces) console.log(`skipped: ${problems.join('; ')}`);

async function runByRlimits(
  leaseId: number,
  script: string,
  more: Partial<AttemptSpec> = {},
): Promise<Exit | null> {
  const folder = rig.sandbox.folderOf(leaseId);
  const spec = { ...rig.request(leaseId, script), backend: 'rlimit', ...more };
  mkdirSync(spec.workPath, { recursive: true });
  if (canChangeUser) chownSync(spec.workPath, taskUid(folder), taskUid(folder));
  writeJsonDurably(join(folder, 'attempt.json'), spec);
  const [file = '', ...args] = rig.shimCommand;
  await promisify(execFile)(file, [...args, folder]);
  return readExit(folder);
}

describe.skipIf(!hasNamespaces)('by rlimits', () => {
  const eater = 'dd if=/dev/zero of=/dev/null bs=900M; awk \'BEGIN{x="aaaaaaaa";while(1)x=x x}\'';
  // dash overruns its stack where an allocation is refused.
  const crash = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done';
  const bomb = 'i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; exit 3';
  test.each([
    ['memory', eater, 'out_of_memory', {}],
    ['memory crash', crash, 'signalled', {}],
    ['processes', bomb, 'exited', {}],
    ['disk', 'cat /dev/zero > big', 'out_of_disk', {}],
    ['wall time', 'trap "" TERM; while :; do :; done', 'timeout', { timeoutMs: 500 }],
  ] as const)('%s is held', { timeout: 30_000 }, async (name, script, code, more) => {
    const leaseId = 100 + name.length;
    const exit = await runByRlimits(leaseId, script, more);
    expect(exit, rig.sandbox.logTail(leaseId)).toMatchObject({ code });
    if (name === 'processes') expect(rig.sandbox.logTail(leaseId)).toMatch(/fork/);
    if (name === 'memory crash') expect(exit?.detail).toMatch(/memory/);
    if (name === 'wall time') expect(exit?.cpuMs).toBeGreaterThan(300);
  });

  test('a relative path names a tool of the bundle', { timeout: 30_000 }, async () => {
    const tool = join(rig.bundlePath, 'bin', 'tool');
    writeFileSync(tool, '#!/bin/sh\necho tool-ran "$0"\n');
    chmodSync(tool, 0o755);
    for (const [index, word] of ['bin/tool', '/bundle/bin/tool', 'tool'].entries()) {
      const exit = await runByRlimits(120 + index, '', { command: [word] });
      expect(exit, rig.sandbox.logTail(120 + index)).toMatchObject({ code: 'succeeded' });
      expect(rig.sandbox.logTail(120 + index)).toMatch('tool-ran /bundle/bin/tool');
    }
  });
});

test.skipIf(!hasNamespaces)('a root file system replaces the host', async () => {
  const root = join(rig.folder, 'root');
  const { stdout } = await promisify(execFile)('ldd', ['/bin/sh']);
  for (const file of ['/bin/sh', ...(stdout.match(/\/\S+/g) ?? [])]) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
  const exit = await rig.run(140, 'echo /* > list; echo x > /bin/x || exit 0; exit 9', {
    bundlePath: root,
    isRootFileSystem: true,
  });
  expect(exit, rig.sandbox.logTail(140)).toMatchObject({ code: 'succeeded' });
  const list = readFileSync(join(rig.sandbox.folderOf(140), 'work', 'list'), 'utf8');
  expect(list).toMatch(/^\/bin \/dev \/lib.* \/proc \/tmp \/work\n$/);
});

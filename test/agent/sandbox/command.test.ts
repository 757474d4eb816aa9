// What a task may run: the host's programs, tools of its bundle, or a root file system of its own.

import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { SandboxRig } from './sandbox-rig.ts';

const rig = new SandboxRig();
afterAll(() => rig.close());
const { hasNamespaces, problems } = await rig.sandbox.selfTest();
beforeEach(({ skip }) => skip(!hasNamespaces, `no namespaces: ${problems.join('; ')}`));

test('a relative path names a tool of the bundle', async () => {
  const tool = join(rig.bundlePath, 'bin', 'tool');
  writeFileSync(tool, '#!/bin/sh\necho tool-ran "$0"\n');
  chmodSync(tool, 0o755);
  for (const [index, word] of ['bin/tool', '/bundle/bin/tool', 'tool'].entries()) {
    const exit = await rig.run(120 + index, '', { command: [word] });
    expect(exit, rig.sandbox.logTail(120 + index)).toMatchObject({ code: 'succeeded' });
    expect(rig.sandbox.logTail(120 + index)).toMatch('tool-ran /bundle/bin/tool');
  }
});

test('a root file system replaces the host', async () => {
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

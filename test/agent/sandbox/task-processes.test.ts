// What /proc tells of processes.

import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { countOf } from '../../../agent/adapters/sandbox/task-processes.ts';

/** Of nobody else on this machine. */
const uid = 65_431;

test('a user has as many processes as the kernel counts: each thread is one', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root starts a program as another user');
  expect(countOf(uid)).toBe(0);
  const script = 'console.log("up"); setInterval(() => undefined, 1000)';
  const child = spawn(process.execPath, ['-e', script], { uid, gid: uid, stdio: 'pipe' });
  await once(child.stdout, 'data');
  const threads = readdirSync(`/proc/${child.pid}/task`).length;
  expect(threads).toBeGreaterThan(4);
  expect(countOf(uid)).toBe(threads);
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(countOf(uid)).toBe(0);
});

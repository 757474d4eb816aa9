// A file of tests that never ends: the run does, and says where it was.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { endAll } from '../hang-reporter.ts';
import { runToEnd } from '../run-to-end.ts';

test('a run with files that never end says where they are, and fails', () => {
  const config = 'test/fixtures/hangs/vitest.config.ts';
  const words = ['node_modules/vitest/vitest.mjs', 'run', '--config', config];
  const ran = runToEnd(process.execPath, words);
  expect(ran.status, ran.stdout).toBe(1);
  expect(ran.stderr).toMatch(
    /hang: loops\.hang\.ts has said nothing for \d s: last it \w+ "waits"/,
  );
  expect(ran.stderr).toMatch(/hang: loads\.hang\.ts has said nothing for \d s: it is being loaded/);
  expect(ran.stderr).not.toContain('ends.hang.ts');
  expect(ran.stderr).toMatch(/hang: process \d+, state R, .*node/);
  expect(ran.stderr).toMatch(/hang: process \d+, state S, started by \d+: sleep 600/);
});

test('one that has ended by itself keeps no other from being ended', async () => {
  const gone = spawnSync('true').pid;
  const stays = spawn('sleep', ['600']);
  const ended = once(stays, 'exit');
  endAll([gone, stays.pid ?? 0]);
  expect(await ended).toEqual([null, 'SIGKILL']);
});

// The agent's folder: task users must be able to pass through all folders above it.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateFolder } from '../../../agent/adapters/state/state-folder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a folder below a closed one is refused, and the closed one named', () => {
  chmodSync(folder, 0o700);
  const state = new StateFolder(join(folder, 'agent'));
  state.create();
  expect(() => state.checkReachable()).toThrow(`${folder} is closed to other users`);
  chmodSync(folder, 0o711);
  state.checkReachable();
});

test('a folder that is closed itself is refused too', () => {
  chmodSync(folder, 0o711);
  const path = join(folder, 'agent');
  mkdirSync(path, { mode: 0o700 });
  expect(() => new StateFolder(path).checkReachable()).toThrow(`chmod o+x ${path}`);
});

test('where no folder can be it is named, at once', () => {
  const link = join(folder, 'link');
  symlinkSync(join(folder, 'not-mounted'), link);
  for (const place of [link, join(link, 'agent'), '/proc/none/agent']) {
    expect(() => new StateFolder(place).create(), place).toThrow(`${place} can't be made`);
  }
});

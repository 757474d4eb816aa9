// One scheduler for each data folder: the second is refused, and the lock goes with its process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DataLockedError, lockData } from '../../../scheduler/adapters/journal/data-lock.ts';
import { bundleInto } from '../../bundle-into.ts';

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'punnet-lock-'));
  folder = join(parent, 'data');
  mkdirSync(folder);
});
afterEach(() => rmSync(parent, { recursive: true }));

it('refuses the second, naming the process that has it and the folder', async () => {
  const unlock = await lockData(folder);
  const second = lockData(folder);
  await expect(second).rejects.toThrow(DataLockedError);
  await expect(second).rejects.toThrow(
    `Another scheduler (process ${process.pid}) runs on ${folder}`,
  );
  unlock();
});

it('is free again once it was let go', async () => {
  const unlock = await lockData(folder);
  unlock();
  (await lockData(folder))();
});

it('knows the folder by whatever name', async () => {
  const unlock = await lockData(folder);
  symlinkSync(folder, join(parent, 'alias'));
  await expect(lockData(join(parent, 'alias'))).rejects.toThrow(DataLockedError);
  unlock();
});

it('locks each folder by itself', async () => {
  mkdirSync(join(parent, 'other'));
  const unlocks = [await lockData(folder), await lockData(join(parent, 'other'))];
  for (const unlock of unlocks) unlock();
});

it('goes with its process, however that ends', async () => {
  const script = `import { lockData } from './scheduler/adapters/journal/data-lock.ts';
    await lockData('${folder}');
    console.log('locked');
    setInterval(() => undefined, 1_000);`;
  const program = bundleInto(parent, 'holder.mjs', script);
  const holder = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(createInterface({ input: holder.stdout }), 'line');
  await expect(lockData(folder)).rejects.toThrow(`(process ${holder.pid})`);
  const closed = once(holder, 'close');
  holder.kill('SIGKILL');
  await closed;
  (await lockData(folder))();
});

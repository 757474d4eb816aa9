// An agent that starts on a disk that is short, or full: old blobs go, what a task of before needs or others may want stays, and it waits
// for the little room that a start takes.

import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roomToStart } from '../../../agent/adapters/blobs/room-to-start.ts';
import { writeLease } from '../../../agent/adapters/attempts/attempt-record.ts';
import { KeptRecords } from '../../../agent/adapters/kept/kept-records.ts';
import { StateFolder } from '../../../agent/adapters/state/state-folder.ts';
import type { Lease } from '../../../agent/core/index.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';

const [old, bundle, input, kept] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
const [smalls, gone] = [['e', 'f'].map((letter) => letter.repeat(64)), '0'.repeat(64)];
const mebibyte = 1 << 20;
let mounted: SmallDisk | string;
beforeAll(async () => void (mounted = await SmallDisk.mount(8)));
afterAll(async () => {
  if (typeof mounted !== 'string') await mounted.unmount();
});

test('what nobody needs goes, and a start on a full disk waits', async (context) => {
  const disk = diskOf(context, mounted);
  const state = new StateFolder(disk.path);
  const grant = (sha256 = '') => ({ sha256, sizeBytes: mebibyte, capability: '' });
  for (const folder of ['blobs', 'attempts', 'attempts/7']) mkdirSync(state.file(folder));
  for (const name of [old, bundle, input, kept]) {
    writeFileSync(join(state.file('blobs'), name ?? ''), Buffer.alloc(mebibyte));
  }
  // Of a lease nothing else is read.
  const lease = { leaseId: 7, bundle: grant(bundle), inputs: [grant(input)] } as unknown as Lease;
  writeLease(state.file('attempts/7'), { lease, takenAtMs: 0 });
  const records = new KeptRecords(state.file('kept'));
  records.start();
  records.add('j1', 'ab', [{ sha256: kept ?? '', sizeBytes: mebibyte }]);
  writeFileSync(state.file('limits.json'), JSON.stringify({ diskReserveBytes: 0 }));
  const told: number[] = [];
  const start = (): Promise<void> =>
    roomToStart(state, { againMs: 10, log: () => undefined, onFull: (free) => told.push(free) });

  await start();
  expect([told, readdirSync(state.file('blobs'))]).toMatchObject([[], { length: 4 }]);
  writeFileSync(state.file('limits.json'), JSON.stringify({ diskReserveBytes: 5 * mebibyte }));
  await start();
  expect(readdirSync(state.file('blobs')).toSorted()).toEqual([bundle, input, kept]);
  for (const small of smalls) {
    writeFileSync(join(state.file('blobs'), small), 'small');
    records.add('j1', 'ab', [{ sha256: small, sizeBytes: 5 }]);
  }
  disk.fill();
  let isStarted = false;
  const starting = start().then(() => (isStarted = true));
  await expect.poll(() => told.length).toBe(1);
  // Of each look it is seen that a blob goes which nobody needs any more: after two it has found no room once.
  for (const small of smalls) {
    renameSync(join(state.file('blobs'), small), join(state.file('blobs'), gone));
    await expect.poll(() => readdirSync(state.file('blobs'))).not.toContain(gone);
  }
  expect([told.length, isStarted]).toEqual([1, false]);
  disk.free();
  await starting;
  expect(readdirSync(state.file('blobs')).toSorted()).toEqual([bundle, input, kept]);
});

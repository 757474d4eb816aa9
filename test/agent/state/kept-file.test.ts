// What memory has anyway, on a disk that takes no more: nothing ends for it, and it is there when there is room again.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { writeCpuPercent, readCpuPercent } from '../../../agent/adapters/sandbox/cpu-brake.ts';
import { Allotment } from '../../../agent/adapters/owner/allotment.ts';
import { Traffic } from '../../../agent/adapters/owner/traffic.ts';
import { RunningTime } from '../../../agent/adapters/state/running-time.ts';
import { StateFolder } from '../../../agent/adapters/state/state-folder.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';

const minuteMs = 60_000;
const november = new Date(2026, 10, 30);
let mounted: SmallDisk | string;
beforeAll(async () => void (mounted = await SmallDisk.mount(1)));
beforeEach((context) => void diskOf(context, mounted));
afterAll(async () => {
  if (typeof mounted !== 'string') await mounted.unmount();
});

test('counts go on in memory while the disk is full, and are on it a minute after there is room', (context) => {
  const disk = diskOf(context, mounted);
  const state = new StateFolder(disk.path);
  const traffic = new Traffic({ kept: state.kept('traffic.json'), sys: '/none' });
  const allotment = new Allotment(state.kept('allotment.json'));
  const time = new RunningTime(state.kept('running-ms'));
  time.start();
  expect(state.keepAgain(0)).toEqual([]);
  traffic.look(november, 0);
  rmSync(state.file('traffic.json'));
  disk.fill();
  traffic.carried(100e6);
  expect(traffic.look(november, 1)).toBe(105e6);
  traffic.carried(100e6);
  expect(traffic.look(november, 1)).toBe(210e6);
  allotment.take(1e6);
  expect(allotment.of(10e9)).toBe(1e6);
  time.stop();
  const names = ['traffic.json', 'allotment.json', 'running-ms'];
  expect(state.keepAgain(1)).toEqual(names.map((name) => `${name} (ENOSPC)`));
  expect(readdirSync(disk.path)).toEqual(['ballast']);
  disk.free();
  // Not at each look of two seconds.
  expect(state.keepAgain(minuteMs)).toHaveLength(3);
  expect(state.keepAgain(minuteMs + 1)).toEqual([]);
  expect(readdirSync(disk.path).toSorted()).toEqual(names.toSorted());
  const next = new Traffic({ kept: new StateFolder(disk.path).kept('traffic.json'), sys: '/none' });
  expect(next.look(november, 0)).toBeGreaterThanOrEqual(210e6);
});

test('tasks are frozen on a full disk, too', (context) => {
  const disk = diskOf(context, mounted);
  writeCpuPercent(disk.path, 100);
  disk.fill();
  for (const percent of [0, 12.5, 100 / 3, 5, 100]) {
    writeCpuPercent(disk.path, percent);
    expect(readCpuPercent(disk.path)).toBeCloseTo(percent, 4);
  }
  expect(readFileSync(join(disk.path, 'cpu-percent'), 'utf8')).toHaveLength(8);
  disk.free();
});

// Whether the board gets too little power, from what the kernel has of it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isUnderVoltage } from '../../../agent/adapters/probe/power.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-power-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sensor = 'class/hwmon/hwmon1';
const bits = 'devices/platform/soc/soc:firmware/get_throttled';

test.each<[string, Readonly<Record<string, string>>, boolean | null]>([
  ['the driver', { [`${sensor}/name`]: 'rpi_volt\n', [`${sensor}/in0_lcrit_alarm`]: '0\n' }, false],
  ['its alarm', { [`${sensor}/name`]: 'rpi_volt\n', [`${sensor}/in0_lcrit_alarm`]: '1\n' }, true],
  ['another sensor', { [`${sensor}/name`]: 'k10temp\n' }, null],
  ['under-voltage now', { [bits]: '50005\n' }, true],
  ['under-voltage some time ago', { [bits]: '50000\n' }, false],
  ['throttled by heat', { [bits]: '0xe0008\n' }, false],
  ['nothing of it', {}, null],
])('%s', (name, files, expected) => {
  const sys = join(folder, name.replaceAll(' ', '-'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(sys, file)), { recursive: true });
    writeFileSync(join(sys, file), text);
  }
  expect(isUnderVoltage(sys)).toBe(expected);
});

// Whether the board gets too little power now. The firmware tells the kernel; where it does not (a PC, an
// old kernel) nobody knows.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `raspberrypi-hwmon`: 1 while bit 0 of the firmware's get_throttled is set, under 4.63 V. */
const sensorName = 'rpi_volt';
const alarm = 'in0_lcrit_alarm';
/** Raspberry Pi OS before that driver: all bits, hexadecimal. */
const throttled = 'devices/platform/soc/soc:firmware/get_throttled';

/** null: this board does not say. `sys` is where sysfs is mounted. */
export function isUnderVoltage(sys = '/sys'): boolean | null {
  for (const sensor of sensors(join(sys, 'class/hwmon'))) {
    if (read(join(sensor, 'name')) !== sensorName) continue;
    const value = read(join(sensor, alarm));
    if (value !== null) return value === '1';
  }
  const bits = Number.parseInt(read(join(sys, throttled)) ?? '', 16);
  return Number.isNaN(bits) ? null : (bits & 1) === 1;
}

function sensors(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return null; // Not there, or a sensor that does not answer.
  }
}

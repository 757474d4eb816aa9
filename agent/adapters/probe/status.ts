// What changes on a node, read from /proc and /sys for each report: a few milliseconds on a Pi 1.

import { existsSync, readFileSync, readdirSync, statfsSync } from 'node:fs';

export interface NodeStatus {
  /** Load average of one minute. */
  readonly load: number;
  readonly memoryAvailableBytes: number;
  readonly diskAvailableBytes: number;
  /** Hottest thermal zone; null where there is none. */
  readonly temperatureCelsius: number | null;
}

/** Reads the node's status; `diskPath` lies on the disk that tasks use. Throws if /proc is absent. */
export function readStatus(diskPath: string): NodeStatus {
  const disk = statfsSync(diskPath);
  return {
    load: Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[0]),
    memoryAvailableBytes: memoryBytes('MemAvailable'),
    diskAvailableBytes: disk.bavail * disk.bsize,
    temperatureCelsius: temperatureCelsius(),
  };
}

/** A line of /proc/meminfo in bytes; 0 when the kernel has no such line. */
export function memoryBytes(name: 'MemTotal' | 'MemAvailable'): number {
  const text = readFileSync('/proc/meminfo', 'latin1');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

function temperatureCelsius(): number | null {
  const base = '/sys/class/thermal';
  if (!existsSync(base)) return null;
  const zones = readdirSync(base).filter((name) => name.startsWith('thermal_zone'));
  const found = zones.flatMap((zone) => {
    try {
      const value = Number(readFileSync(`${base}/${zone}/temp`, 'latin1'));
      return Number.isFinite(value) ? [value / 1000] : [];
    } catch {
      return []; // A sensor that is switched off answers with an error.
    }
  });
  return found.length === 0 ? null : Math.max(...found);
}

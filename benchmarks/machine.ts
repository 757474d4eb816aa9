// What the kernel says of this machine and its processes.

import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

/** USER_HZ: what /proc counts CPU time in, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU time that a process and its threads have used, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in brackets may hold spaces; user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** Resident memory of a process. */
export function rssBytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no VmRSS: it has ended`);
  return 1024 * Number(kilobytes);
}

export function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

export function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
}

/** Who else was at work matters as much as the machine. */
export function describeMachine(): string {
  const [one = 0, five = 0] = loadavg();
  const model = cpus()[0]?.model ?? 'unknown CPU';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${model}, ${memory}, Node ${process.version}; load average ${one.toFixed(2)}, ${five.toFixed(2)}`;
}

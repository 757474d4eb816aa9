// Finds and ends the processes of one attempt through /proc, where no cgroup lists them.

import { readFileSync, readdirSync } from 'node:fs';

/** All living descendants of a process, nearest first. */
export function descendantsOf(rootPid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const pid of allPids()) {
    const parent = parentOf(pid);
    if (parent === null) continue;
    const list = children.get(parent) ?? [];
    list.push(pid);
    children.set(parent, list);
  }
  const found: number[] = [];
  let level = children.get(rootPid) ?? [];
  while (level.length > 0) {
    found.push(...level);
    level = level.flatMap((pid) => children.get(pid) ?? []);
  }
  return found;
}

/** Processes that carry the attempt's mark in their environment: leftovers outside a namespace. */
export function pidsMarked(mark: string): readonly number[] {
  return allPids().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      return variables.includes(`PUNNET_ATTEMPT=${mark}`);
    } catch {
      return false;
    }
  });
}

/** Sends a signal to each; those that ended in between are no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Ended in between.
    }
  }
}

/**
 * CPU time in milliseconds, in steps of 10: a process's ended and waited-for children, or those and
 * its own. 0 when it is gone.
 */
export function cpuMsOf(pid: string, whose: 'children' | 'all'): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(whose === 'all' ? 11 : 13, 15).map(Number);
    return ticks.reduce((sum, each) => sum + each, 0) * 10;
  } catch {
    return 0;
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : Number(fields[1]);
  } catch {
    return null;
  }
}

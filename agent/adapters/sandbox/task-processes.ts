// Finds and ends the processes of one attempt through /proc, where no cgroup lists them.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { attemptMark } from './attempt-spec.ts';
import { isUserOwn, taskUid } from './task-user.ts';

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

/**
 * Processes that an attempt left behind outside of a PID namespace: those of its own user, and
 * those that still carry its mark in their environment.
 */
export function leftoversOf(attemptFolder: string): readonly number[] {
  const mark = `PUNNET_ATTEMPT=${attemptMark(attemptFolder)}`;
  const uid = taskUid(attemptFolder);
  return allPids().filter((pid) => {
    if (pid === process.pid) return false;
    if (isUserOwn && isOf(uid, pid)) return true;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark);
    } catch {
      return false;
    }
  });
}

/** How many threads a user has: what the kernel counts against its limit of processes. */
export function countOf(uid: number): number {
  const own = allPids().filter((pid) => isOf(uid, pid));
  return own.reduce((sum, pid) => sum + valueOf(pid, 'status', 'Threads'), 0);
}

function isOf(uid: number, pid: number): boolean {
  // Its real user: the first of four.
  return valueOf(pid, 'status', 'Uid') === uid;
}

/** Memory of these processes, in bytes; what they share, as a fork does with its parent, once. */
export function memoryOf(pids: readonly number[]): number {
  const kilobytes = (pid: number, name: string): number => valueOf(pid, 'smaps_rollup', name) || 0;
  const own = (pid: number): number => kilobytes(pid, 'Pss_Anon') + kilobytes(pid, 'Pss_Shmem');
  return 1024 * pids.reduce((sum, pid) => sum + own(pid), 0);
}

/** The first number of a line in a file of /proc/<pid>; 0 where there is none. */
function valueOf(pid: number, file: 'status' | 'smaps_rollup', name: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'latin1');
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Of a core that an owner's program wants, a task keeps about a tenth: it goes on. */
const sessionNiceness = 10;

/**
 * Lets the owner's programs go first. Niceness alone counts within a session where the kernel
 * groups sessions (as on Raspberry Pi OS), and a task has one of its own.
 */
export function yieldToOwner(pids: readonly number[]): void {
  // Only root may set more than one in a tenth of a second: the task itself first.
  for (const pid of [...pids].reverse()) {
    const file = `/proc/${pid}/autogroup`;
    try {
      const isDone = readFileSync(file, 'latin1').endsWith(` ${sessionNiceness}\n`);
      if (!isDone) writeFileSync(file, String(sessionNiceness));
    } catch {
      // Another kernel, or not its turn.
    }
  }
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

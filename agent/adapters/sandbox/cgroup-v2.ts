// Limits by cgroup v2, below what systemd has delegated to the agent's unit, or below a group of root's.
// There the agent and its shims are in `agent`, each attempt in a group beside it. A controller that is not
// there (Raspberry Pi OS boots without that of memory) leaves its limit to others.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Cgroup, CgroupLimits } from './cgroup.ts';

const mountedAt = '/sys/fs/cgroup';
const controllers = ['memory', 'pids', 'cpu'] as const;
/** No group but a leaf may hold processes. */
const leaf = 'agent';
const cpuPeriodUs = 100_000;

/**
 * The group below which attempts have theirs, or null where there is no v2 alone.
 *
 * @param memberships /proc/self/cgroup of the agent or a shim.
 */
export function baseOf(memberships: string, isRoot: boolean): string | null {
  // The root of the hierarchy is root's, who may have started the agent from anywhere.
  if (isRoot) return join(mountedAt, 'punnet');
  const own = /^0::(\/.*)$/m.exec(memberships)?.[1];
  if (own === undefined || own === '/') return null;
  return join(mountedAt, basename(own) === leaf ? dirname(own) : own);
}

export class CgroupV2 implements Cgroup {
  readonly #folder: string;

  constructor(name: string) {
    this.#folder = join(ownBase() ?? join(mountedAt, 'none'), name);
  }

  /**
   * Makes room for attempts, and moves this process out of their way. The controllers that hold them;
   * null when nothing was delegated.
   */
  static prepare(): readonly string[] | null {
    const base = ownBase();
    if (base === null) return null;
    try {
      makeRoom(base);
    } catch {
      return null;
    }
    for (const controller of controllers) {
      for (const folder of isRoot() ? [mountedAt, base] : [base]) {
        tryToWrite(join(folder, 'cgroup.subtree_control'), `+${controller}`);
      }
    }
    const given = readOr(join(base, 'cgroup.subtree_control'), '').trim().split(' ');
    return controllers.filter((each) => given.includes(each));
  }

  /** Controllers that this kernel has for v2, whoever may use them. */
  static kernelHas(): readonly string[] {
    return readOr(join(mountedAt, 'cgroup.controllers'), '').trim().split(' ');
  }

  create(limits: CgroupLimits): void {
    mkdirSync(this.#folder, { recursive: true });
    this.limit(limits);
  }

  limit({ memoryBytes, maxProcesses }: CgroupLimits): void {
    this.#set('memory.max', memoryBytes);
    this.#set('memory.swap.max', 0);
    // A task that lost one process ends as a whole.
    this.#set('memory.oom.group', 1);
    this.#set('pids.max', maxProcesses);
    // The least: the owner's programs go first.
    this.#set('cpu.weight', 1);
  }

  holdCpu(percent: number): boolean {
    const quota = percent >= 100 ? 'max' : String(Math.round((percent * cpuPeriodUs) / 100));
    return this.#set('cpu.max', `${quota} ${cpuPeriodUs}`);
  }

  freeze(isFrozen: boolean): boolean {
    return this.#set('cgroup.freeze', isFrozen ? 1 : 0);
  }

  entryFiles(): readonly string[] {
    return [join(this.#folder, 'cgroup.procs')];
  }

  oomKills(): number {
    return this.#count('memory.events', /^oom_kill (\d+)/m) ?? 0;
  }

  refusedForks(): number {
    return this.#count('pids.events', /^max (\d+)/m) ?? 0;
  }

  cpuMs(): number | null {
    const microseconds = this.#count('cpu.stat', /^usage_usec (\d+)/m);
    return microseconds === null ? null : Math.round(microseconds / 1000);
  }

  kill(): boolean {
    tryToWrite(join(this.#folder, 'cgroup.kill'), '1');
    return this.#count('cgroup.events', /^populated (\d+)/m) !== 1;
  }

  remove(): boolean {
    try {
      rmdirSync(this.#folder);
    } catch {
      return !existsSync(this.#folder);
    }
    return true;
  }

  /** False where the controller is not there; throws what the kernel refused. */
  #set(file: string, value: number | string): boolean {
    const path = join(this.#folder, file);
    if (!existsSync(path)) return false;
    writeFileSync(path, String(value));
    return true;
  }

  #count(file: string, pattern: RegExp): number | null {
    const found = pattern.exec(readOr(join(this.#folder, file), ''))?.[1];
    return found === undefined ? null : Number(found);
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** null too where v1 hierarchies are mounted beside it: v2 has none of the controllers then. */
function ownBase(): string | null {
  if (!existsSync(join(mountedAt, 'cgroup.controllers'))) return null;
  return baseOf(readOr('/proc/self/cgroup', ''), isRoot());
}

/** Throws where nothing was delegated, or others live in the group. */
function makeRoom(base: string): void {
  const own = join(base, leaf);
  mkdirSync(isRoot() ? base : own, { recursive: true });
  if (isRoot()) return;
  const here = readFileSync(join(base, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean);
  if (here.some((pid) => Number(pid) !== process.pid)) throw new Error(`${base} is not ours alone`);
  if (here.length > 0) writeFileSync(join(own, 'cgroup.procs'), String(process.pid));
}

function tryToWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // What is not there or not allowed is seen by what is asked next.
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return otherwise;
  }
}

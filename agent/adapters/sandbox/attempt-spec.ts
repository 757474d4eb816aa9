// What the agent and an attempt's shim tell each other: the files of one attempt folder.
// attempt.json (agent to shim), shim.json (who watches it), exit.json (how it ended), stop, log.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { EndCode, Exit } from '../../core/index.ts';

/**
 * What holds a task. `cgroup-v2-rlimit`: a kernel that runs without the memory cgroup, whose limit is the
 * address space and a look each second; `bare` is rlimits alone, without namespaces, and is no wall.
 */
export type Backend = 'cgroup-v2' | 'cgroup-v2-rlimit' | 'cgroup-v1' | 'rlimit' | 'bare';

/** Whether a memory cgroup holds the task. */
export function isMemoryGrouped(backend: Backend): boolean {
  return backend === 'cgroup-v2' || backend === 'cgroup-v1';
}

/** Why an attempt is asked to end: its code, and a sentence for the researcher. */
export interface StopReason {
  readonly code: 'cancelled' | 'owner';
  readonly detail: string;
}

export interface AttemptSpec {
  readonly leaseId: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Unpacked bundle folder, shared read-only among attempts. */
  readonly bundlePath: string;
  readonly isRootFileSystem: boolean;
  readonly workPath: string;
  /** Where its checkpoint lies between attempts; null: it keeps none. */
  readonly checkpointPath: string | null;
  /** Whether it has the agent's socket: what is in the folder `socket` beside its work folder. */
  readonly hasSocket: boolean;
  /** Bytes that it may move over the internet, both ways; 0: any number. Absent: it reaches nothing. */
  readonly internetBytes?: number;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly maxProcesses: number;
  readonly backend: Backend;
}

/** Identity of a process that survives reuse of its pid and a reboot. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

export const attemptFiles = {
  spec: 'attempt.json',
  shim: 'shim.json',
  exit: 'exit.json',
  stop: 'stop',
  log: 'log',
  socketFolder: 'socket',
  proxySocket: 'internet',
  passwd: 'passwd',
  group: 'group',
} as const;

/** Bytes of a unix socket's path: Linux has no more, and Node.js cuts what is longer. */
export const longestPath = 107;

/** The agent's socket, in its folder. */
export function socketIn(folder: string): string {
  return join(folder, 'agent');
}

/** The agent's proxy for the attempt: its shim connects to it, the sandbox does not have it. */
export function proxySocketIn(attemptFolder: string): string {
  return join(attemptFolder, attemptFiles.proxySocket);
}

/** What a shim says to the agent that started it, a line each. */
export const shimWords = { started: 'started', ended: 'ended' } as const;

export class SandboxError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SandboxError';
    this.code = code;
  }
}

/** Name for cgroups and leftovers, unique on the machine although several agents share lease ids. */
export function attemptMark(attemptFolder: string): string {
  const hash = createHash('sha256').update(attemptFolder).digest('hex').slice(0, 8);
  return `${basename(attemptFolder)}-${hash}`;
}

/** The attempt of a folder; throws SandboxError `bad_attempt` when it can't be read. */
export function readSpec(attemptFolder: string): AttemptSpec {
  const value = readJson(join(attemptFolder, attemptFiles.spec));
  const command = value?.['command'];
  if (value === null || typeof value['leaseId'] !== 'number' || !Array.isArray(command)) {
    throw new SandboxError(
      'bad_attempt',
      `attempt ${attemptFolder}: wanted attempt.json with leaseId and command, found neither; ` +
        'the folder can be removed',
    );
  }
  // Written by stageAttempt of this program, whole or absent; versions before knew less.
  return { checkpointPath: null, hasSocket: false, ...value } as unknown as AttemptSpec;
}

/** How the attempt ended, or null while it has not (or never will: its shim vanished). */
export function readExit(attemptFolder: string): Exit | null {
  const value = readJson(join(attemptFolder, attemptFiles.exit));
  if (value === null || typeof value['code'] !== 'string') return null;
  return {
    code: value['code'] as EndCode, // Written by this same program from an Exit.
    exitCode: Number(value['exitCode']),
    cpuMs: Number(value['cpuMs']),
    wallMs: Number(value['wallMs']),
    detail: String(value['detail']),
  };
}

/** Why the attempt was asked to end, or null while it was not. */
export function readStop(attemptFolder: string): StopReason | null {
  const value = readJson(join(attemptFolder, attemptFiles.stop));
  if (value === null) return null;
  const code = value['code'] === 'cancelled' ? 'cancelled' : 'owner';
  return { code, detail: String(value['detail']) };
}

/** Random, new at each boot of the machine. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** Identity of a running process, or null when there is none. */
export function markProcess(pid: number): ProcessMark | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return { pid, startTicks: fields[19] ?? '', bootId: readBootId() };
  } catch {
    return null;
  }
}

/** The shim of an attempt if that very process still runs. */
export function findShim(attemptFolder: string): ProcessMark | null {
  const value = readJson(join(attemptFolder, attemptFiles.shim));
  if (value === null) return null;
  const now = markProcess(Number(value['pid']));
  if (now === null) return null;
  const isSame = now.startTicks === value['startTicks'] && now.bootId === value['bootId'];
  return isSame ? now : null;
}

function readJson(path: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return null;
    return value as Record<string, unknown>; // Checked: an object.
  } catch {
    return null;
  }
}

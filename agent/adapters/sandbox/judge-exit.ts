// From what was seen of a task's end to its Exit: one code, and a reason a researcher can act on.

import { constants } from 'node:os';
import type { EndCode, Exit } from '../../core/index.ts';
import { isMemoryGrouped, type AttemptSpec } from './attempt-spec.ts';
import { maxEntries } from './disk-use.ts';

export interface Ending {
  readonly code: EndCode;
  readonly detail: string;
}

/** The end of the outermost process; bwrap hands on 128 + signal as its status. */
export interface Ended {
  readonly status: number;
  readonly signal: string | null;
  /** Why it never began. */
  readonly error: string | null;
}

export interface Evidence {
  readonly spec: AttemptSpec;
  readonly ended: Ended;
  /** Why the shim itself ended the task, if it did. */
  readonly ending: Ending | null;
  readonly usedBytes: number;
  readonly oomKills: number;
  readonly refusedForks: number;
  readonly logTail: string;
  readonly cpuMs: number;
  readonly wallMs: number;
}

const sigxfsz = 25;
const chainError = /^(sh|setpriv|nice|prlimit|bwrap|env): (.*)$/m;
const memoryWords = /MemoryError|bad_alloc|Cannot allocate memory|[Oo]ut of memory|ENOMEM/;

export function judgeExit(evidence: Evidence): Exit {
  const { code, detail } = judge(evidence);
  return {
    code,
    exitCode: evidence.ended.status,
    cpuMs: evidence.cpuMs,
    wallMs: evidence.wallMs,
    detail,
  };
}

function judge(evidence: Evidence): Ending {
  const { spec, ended, ending } = evidence;
  const hasCgroup = isMemoryGrouped(spec.backend);
  if (ending !== null) return ending;
  if (evidence.oomKills > 0) {
    return overMemory(spec.memoryBytes);
  }
  if (ended.error !== null) return { code: 'not_started', detail: ended.error };
  const signal = signalOf(ended);
  const isOverFile = signal === sigxfsz;
  if (evidence.usedBytes > spec.diskBytes || isOverFile || isAtDiskLimit(evidence)) {
    return overDisk(evidence.usedBytes, spec.diskBytes);
  }
  if (ended.status === 0) return { code: 'succeeded', detail: '' };
  const refused = notStarted(evidence);
  if (refused !== null) return refused;
  if (!hasCgroup && memoryWords.test(evidence.logTail)) {
    const detail = `an allocation over ${spec.memoryBytes} bytes of address space was refused: ask for more (memory in the job file)`;
    return { code: 'out_of_memory', detail };
  }
  const forks = evidence.refusedForks;
  const hint = forks > 0 ? `; ${forks} forks were refused over ${spec.maxProcesses} processes` : '';
  if (signal !== null) {
    // A refused allocation often shows only as a crash.
    const isCrash = !hasCgroup && [6, 7, 11].includes(signal);
    const memory = isCrash ? `; may have needed over ${spec.memoryBytes} bytes of memory` : '';
    return { code: 'signalled', detail: `ended by signal ${signal}${hint}${memory}` };
  }
  return {
    code: 'exited',
    detail: `exited with status ${ended.status}${hint}`,
  };
}

export function overMemory(mostBytes: number): Ending {
  const detail = `needed over ${mostBytes} bytes of memory: ask for more (memory in the job file)`;
  return { code: 'out_of_memory', detail };
}

/** What cannot be counted counts as infinitely much. */
export function overDisk(usedBytes: number, mostBytes: number): Ending {
  const detail = Number.isFinite(usedBytes)
    ? `work folder took ${usedBytes} of ${mostBytes} bytes: ask for more (disk in the job file)`
    : `work folder holds over ${maxEntries} files and folders, or paths too long to count: pack them`;
  return { code: 'out_of_disk', detail };
}

export function overTime(mostMs: number): Ending {
  const detail = `ran over its ${mostMs / 1_000} s: ask for more (timeout in the job file)`;
  return { code: 'timeout', detail };
}

export function overBytes(mostBytes: number): Ending {
  const most = `${mostBytes} bytes over the internet, twice what its job declares`;
  const detail = `moved ${most}: declare more (profile.internet in the job file)`;
  return { code: 'out_of_bytes', detail };
}

/** Of the outermost process itself, or what bwrap tells as 128 + signal. */
function signalOf({ status, signal }: Ended): number | null {
  if (signal !== null)
    return Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0;
  return status > 128 && status <= 192 ? status - 128 : null;
}

function isAtDiskLimit({ usedBytes, ended, spec }: Evidence): boolean {
  return ended.status !== 0 && usedBytes >= spec.diskBytes;
}

/**
 * The chain's own complaint. A task that prints such a line and exits the same way is believed:
 * it only spoils its own result.
 */
function notStarted({ spec, ended, logTail }: Evidence): Ending | null {
  if (ended.status !== 1 && ended.status !== 126 && ended.status !== 127) return null;
  const match = chainError.exec(logTail);
  if (match === null) return null;
  const [line, program] = match;
  if (program === 'sh' && spec.backend !== 'bare') return null;
  const command = spec.command[0] ?? '';
  return {
    code: 'not_started',
    detail: `command '${command}' could not be started (${line}); looked in the bundle and in PATH`,
  };
}

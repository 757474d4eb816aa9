// The tasks of one job as columns: an object for each would not fit at a million tasks.

import type { Sha256 } from './model/ids.ts';
import { sha256 } from './model/ids.ts';
import { taskStates } from './model/job.ts';
import type { TaskState } from './model/job.ts';

export interface TaskColumns {
  readonly state: Uint8Array;
  readonly failures: Uint8Array;
  readonly losses: Uint8Array;
  /** Number of the node of the last attempt, or -1. */
  readonly node: Int32Array;
  /** Lease in force, or the last one that was; 0 before the first. */
  readonly lease: Float64Array;
  readonly leasedAt: Float64Array;
  readonly endedAt: Float64Array;
  /** Why it is where it is; see `placement/reasons.ts`. */
  readonly reason: Uint8Array;
  readonly reasonCpuSeconds: Float32Array;
  readonly reasonLinkSeconds: Float32Array;
  readonly cpuMs: Float32Array;
  /** Index of `endCodes` plus one; 0: no attempt has ended. */
  readonly endCode: Uint8Array;
  readonly exitCode: Int32Array;
  readonly hasResult: Uint8Array;
  /** 32 bytes a task. */
  readonly result: Uint8Array;
}

/** In the order of snapshots. */
export const columnNames = [
  'state',
  'failures',
  'losses',
  'node',
  'lease',
  'leasedAt',
  'endedAt',
  'reason',
  'reasonCpuSeconds',
  'reasonLinkSeconds',
  'cpuMs',
  'endCode',
  'exitCode',
  'hasResult',
  'result',
] as const satisfies readonly (keyof TaskColumns)[];

export function makeTaskColumns(count: number): TaskColumns {
  return {
    state: new Uint8Array(count),
    failures: new Uint8Array(count),
    losses: new Uint8Array(count),
    node: new Int32Array(count).fill(-1),
    lease: new Float64Array(count),
    leasedAt: new Float64Array(count),
    endedAt: new Float64Array(count),
    reason: new Uint8Array(count),
    reasonCpuSeconds: new Float32Array(count),
    reasonLinkSeconds: new Float32Array(count),
    cpuMs: new Float32Array(count),
    endCode: new Uint8Array(count),
    exitCode: new Int32Array(count),
    hasResult: new Uint8Array(count),
    result: new Uint8Array(32 * count),
  };
}

/** With more tasks, or fewer. */
export function resized(columns: TaskColumns, count: number): TaskColumns {
  const fresh = makeTaskColumns(count);
  for (const name of columnNames) {
    const target = fresh[name];
    target.set(columns[name].subarray(0, target.length));
  }
  return fresh;
}

/** The state of a task; an index that is out of range is our bug. */
export function taskState(columns: TaskColumns, index: number): TaskState {
  const state = taskStates[columns.state[index] ?? -1];
  if (state === undefined) throw new Error(`task ${index} has no state`);
  return state;
}

export function stateCode(state: TaskState): number {
  return taskStates.indexOf(state);
}

export function writeResult(columns: TaskColumns, index: number, result: Sha256 | null): void {
  columns.hasResult[index] = result === null ? 0 : 1;
  if (result === null) return;
  for (let byte = 0; byte < 32; byte += 1) {
    columns.result[32 * index + byte] = Number.parseInt(result.slice(2 * byte, 2 * byte + 2), 16);
  }
}

export function readResult(columns: TaskColumns, index: number): Sha256 | null {
  if (columns.hasResult[index] !== 1) return null;
  let hex = '';
  for (let at = 32 * index; at < 32 * index + 32; at += 1) {
    hex += hexBytes[columns.result[at] ?? 0];
  }
  return sha256(hex);
}

/** The digits of each byte: lists of tasks are read in pages of a thousand. */
const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

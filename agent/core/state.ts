// What the agent knows. Only `apply` changes it.

import * as limits from './limits.ts';
import type { Allowance, AttemptPhase, BlobRef, Direction, Exit, Lease } from './model.ts';

export interface Attempt {
  readonly lease: Lease;
  phase: AttemptPhase;
  /** Bytes to fetch, or to send; what a transfer is asked for. */
  transferBytes: number;
  /** The transfer lane it asks for or has; null: none needed. */
  wanted: Direction | null;
  isGranted: boolean;
  exit: Exit | null;
  result: BlobRef | null;
  tries: number;
  retryMs: number;
  /** When to ask, try or say again; null: nothing is due. */
  dueMs: number | null;
  /** Set when the scheduler or the owner has ended it before its process did. */
  isStopping: boolean;
}

export class AgentState {
  readonly attempts = new Map<number, Attempt>();
  /** In the order of their acknowledgement. */
  readonly forgotten = new Set<number>();
  /** Leases up to this one that are not here were forgotten long ago. */
  floor = 0;
  allowance: Allowance = { slots: 0, isAccepting: false, notAccepting: null };
  idleReportMs = limits.idleReportMs;
  nextReportMs = 0;
  isConnected = false;
  isQuarantined = false;
}

const slotPhases: ReadonlySet<AttemptPhase> = new Set(['starting', 'running']);

/** Slots that tasks hold now. */
export function busySlots(state: AgentState): number {
  let busy = 0;
  for (const attempt of state.attempts.values()) if (slotPhases.has(attempt.phase)) busy += 1;
  return busy;
}

/** When something is due next, or null. */
export function nextDeadlineMs(state: AgentState): number | null {
  if (state.isQuarantined) return null;
  let next = state.isConnected ? state.nextReportMs : Number.POSITIVE_INFINITY;
  for (const { dueMs } of state.attempts.values()) if (dueMs !== null && dueMs < next) next = dueMs;
  return Number.isFinite(next) ? next : null;
}

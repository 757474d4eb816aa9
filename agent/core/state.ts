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
  fetchTries: number;
  retryMs: number;
  /** When to ask, try or say again; null: nothing is due. */
  dueMs: number | null;
  /** When its result has been kept long enough; null: there is none yet. */
  keptUntilMs: number | null;
  /** Set when the scheduler or the owner has ended it before its process did. */
  isStopping: boolean;
}

/** Before the owner's limits were read. */
export const noAllowance: Allowance = {
  slots: 0,
  memoryBytes: 0,
  isAccepting: false,
  hoursEndMinute: null,
  notAccepting: null,
  isEndingTasks: false,
  isFreezing: false,
  refuses: [],
  allowsInternet: false,
  monthCapBytes: 0,
};

/** An owner's who sets no limit. */
export function fullAllowance(slots: number): Allowance {
  const isAccepting = true;
  return { ...noAllowance, slots, memoryBytes: Number.POSITIVE_INFINITY, isAccepting };
}

export class AgentState {
  readonly attempts = new Map<number, Attempt>();
  /** In the order of their acknowledgement. */
  readonly forgotten = new Set<number>();
  /** Leases up to this one that are not here were forgotten long ago. */
  floor = 0;
  allowance: Allowance = noAllowance;
  /** When tasks that stand still go back; Infinity: they have; null: they run. */
  frozenUntilMs: number | null = null;
  nextReportMs = 0;
  /** Attempts whose start has not been told, and when it must be; Infinity: there are none. */
  readonly startsUntold = new Set<number>();
  tellStartsMs = Number.POSITIVE_INFINITY;
  isConnected = false;
  isQuarantined = false;
  idleReportMs: number;

  /** Its edge gives each agent another span, so that a federation does not report at once. */
  constructor(idleReportMs: number = limits.idleReportMs) {
    this.idleReportMs = idleReportMs;
  }
}

/** When something is due next, or null. */
export function nextDeadlineMs(state: AgentState): number | null {
  if (state.isQuarantined) return null;
  let next = state.isConnected ? state.nextReportMs : Number.POSITIVE_INFINITY;
  next = Math.min(next, state.tellStartsMs, state.frozenUntilMs ?? next);
  for (const { dueMs, keptUntilMs } of state.attempts.values()) {
    next = Math.min(next, dueMs ?? next, keptUntilMs ?? next);
  }
  return Number.isFinite(next) ? next : null;
}

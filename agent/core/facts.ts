// What the agent's core can decide. Nothing of it is journalled: what must survive is in the
// attempts' folders, and is adopted at the next start.

import type { Allowance, AttemptPhase, BlobRef, Direction, Exit, Lease } from './model.ts';

export type Fact =
  | { readonly kind: 'taken'; readonly lease: Lease; readonly phase: AttemptPhase }
  | { readonly kind: 'phase'; readonly leaseId: number; readonly phase: AttemptPhase }
  | {
      readonly kind: 'wants';
      readonly leaseId: number;
      readonly direction: Direction;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'granted'; readonly leaseId: number }
  /** The transfer is over, or not needed. */
  | { readonly kind: 'transferOver'; readonly leaseId: number }
  | { readonly kind: 'exit'; readonly leaseId: number; readonly exit: Exit }
  | { readonly kind: 'result'; readonly leaseId: number; readonly result: BlobRef | null }
  | { readonly kind: 'stopping'; readonly leaseId: number }
  | { readonly kind: 'kept'; readonly leaseId: number; readonly untilMs: number | null }
  /** Something is due again; `retryMs` is the step of its back-off. */
  | {
      readonly kind: 'due';
      readonly leaseId: number;
      readonly dueMs: number | null;
      readonly retryMs: number;
    }
  /** Its start is to be told by then. */
  | { readonly kind: 'startUntold'; readonly leaseId: number; readonly tellByMs: number }
  | { readonly kind: 'startsTold' }
  /** A fetch failed. */
  | { readonly kind: 'tried'; readonly leaseId: number }
  | { readonly kind: 'forgotten'; readonly leaseId: number }
  | { readonly kind: 'allowance'; readonly allowance: Allowance }
  /** Tasks stand still, and go back then; null: they run. */
  | { readonly kind: 'frozen'; readonly untilMs: number | null }
  | { readonly kind: 'reported'; readonly nextReportMs: number }
  | { readonly kind: 'idleReport'; readonly spanMs: number }
  | { readonly kind: 'connected' }
  | { readonly kind: 'quarantined' };

// All that can come into the agent's core.

import type { Allowance, BlobRef, Direction, Exit, Lease } from './model.ts';

export type Command =
  /** One message of the scheduler, meant for this instance. */
  | {
      readonly kind: 'schedulerSpoke';
      readonly grants: readonly Lease[];
      readonly cancels: readonly number[];
      readonly acknowledged: readonly number[];
      readonly transfers: readonly { readonly leaseId: number; readonly direction: Direction }[];
      readonly blobsMissing: readonly number[];
      readonly wantsReport: boolean;
      readonly isQuarantined: boolean;
      /** 0: unchanged. */
      readonly reportIntervalMs: number;
      /** Its part of the household's bytes in a month; null: unchanged. */
      readonly allotmentBytes: number | null;
    }
  /** There is news that a report tells of. */
  | { readonly kind: 'reportWanted' }
  /** The bus is (again) connected. */
  | { readonly kind: 'connected' }
  /** Once, at start: what the last instance left on disk. */
  | { readonly kind: 'adopted'; readonly attempts: readonly AdoptedAttempt[] }
  /** Bytes that the lease's blobs still need over the uplink. */
  | { readonly kind: 'inputsMeasured'; readonly leaseId: number; readonly missingBytes: number }
  | { readonly kind: 'fetched'; readonly leaseId: number }
  /** `isFinal`: the bytes are wrong or refused; otherwise it is tried again. */
  | {
      readonly kind: 'fetchFailed';
      readonly leaseId: number;
      readonly detail: string;
      readonly isFinal: boolean;
    }
  | { readonly kind: 'started'; readonly leaseId: number }
  | { readonly kind: 'exited'; readonly leaseId: number; readonly exit: Exit }
  /** The outputs are named and hashed. `exit` may have become bad_output. */
  | {
      readonly kind: 'collected';
      readonly leaseId: number;
      readonly exit: Exit;
      /** null: it left nothing. */
      readonly result: BlobRef | null;
      /** Bytes to send, the result's own blob included. */
      readonly sizeBytes: number;
    }
  /** The outputs could not be read now, say with a full disk: it is tried again. */
  | { readonly kind: 'collectFailed'; readonly leaseId: number }
  | { readonly kind: 'uploaded'; readonly leaseId: number }
  | { readonly kind: 'uploadFailed'; readonly leaseId: number; readonly detail: string }
  | { readonly kind: 'allowanceChanged'; readonly allowance: Allowance }
  | { readonly kind: 'tick' };

export type AdoptedAttempt =
  | { readonly lease: Lease; readonly phase: 'running' }
  | {
      readonly lease: Lease;
      readonly phase: 'exited';
      readonly exit: Exit;
      /** Since its end, or somewhat more. */
      readonly heldMs: number;
    }
  /** Its result was sent, and not acknowledged. */
  | {
      readonly lease: Lease;
      readonly phase: 'sent';
      readonly exit: Exit;
      readonly result: BlobRef | null;
      readonly heldMs: number;
    };

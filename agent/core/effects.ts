// What the agent's core asks of its edge. Each may be carried out twice without harm.

import type { BlobRef, Direction, Exit, Lease } from './model.ts';

export type Effect =
  /** To the scheduler; parts of one batch go in one message. */
  | { readonly kind: 'say'; readonly part: SayPart }
  /** Find out how many bytes of its blobs are not here; answer `inputsMeasured`. */
  | { readonly kind: 'measureInputs'; readonly lease: Lease }
  /** Answer `fetched` or `fetchFailed`. */
  | { readonly kind: 'fetch'; readonly lease: Lease }
  /** Answer `started` (or `exited` with not_started), then `exited`. */
  | { readonly kind: 'start'; readonly lease: Lease }
  /** End its process; the answer is `exited` with this code. */
  | {
      readonly kind: 'stop';
      readonly leaseId: number;
      readonly code: 'cancelled' | 'owner';
      readonly detail: string;
    }
  /** Answer `collected` or `collectFailed`. */
  | { readonly kind: 'collect'; readonly lease: Lease; readonly exit: Exit }
  /** Send the collected blobs; answer `uploaded` or `uploadFailed`. */
  | { readonly kind: 'upload'; readonly lease: Lease }
  /** Remove all that is left of it on disk, and stop what is under way for it. */
  | { readonly kind: 'forget'; readonly leaseId: number }
  /** Keep to so many bytes of a month from now on. */
  | { readonly kind: 'allot'; readonly bytes: number }
  /** Two agents have this identity: stop, and tell the owner. */
  | { readonly kind: 'quarantined' };

export type SayPart =
  /** The edge adds the status, and the inventory when it has not been told yet. */
  | { readonly kind: 'report'; readonly held: readonly number[] }
  | { readonly kind: 'started'; readonly leaseId: number }
  | { readonly kind: 'exited'; readonly leaseId: number }
  | {
      readonly kind: 'ended';
      readonly leaseId: number;
      readonly exit: Exit;
      readonly result: BlobRef | null;
    }
  | {
      readonly kind: 'transferWanted';
      readonly leaseId: number;
      readonly direction: Direction;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'transferDone'; readonly leaseId: number; readonly direction: Direction };

// The nouns of the agent: a lease as it came from the scheduler, and an attempt as it stands here.

export interface BlobRef {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface BlobGrant extends BlobRef {
  /** Bearer token that allows GET of this blob. */
  readonly capability: string;
  /** Whether the site exchanges it; absent: it does not. */
  readonly isShared?: boolean;
}

/** A node of the same site that keeps a blob. */
export interface Keeper {
  readonly address: string;
  readonly port: number;
  /** What it is shown, hexadecimal. */
  readonly proof: string;
}

export interface GrantedInput extends BlobGrant {
  readonly path: string;
  /** Absent: nobody at the site keeps it. */
  readonly keeper?: Keeper;
}

export interface Lease {
  readonly leaseId: number;
  readonly jobId: string;
  readonly jobName: string;
  readonly researcher: string;
  readonly taskIndex: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly bundle: BlobGrant;
  readonly isRootFileSystem: boolean;
  readonly inputs: readonly GrantedInput[];
  readonly outputs: readonly string[];
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly uploadCapability: string;
  /** Whether its checkpoint folder is kept for the next attempt here. */
  readonly keepsCheckpoint: boolean;
  /** Whether it may say something to other tasks of its job. */
  readonly hasSocket: boolean;
  /** Its outputs stay on the node, for peers that show this (hexadecimal); absent: they are sent. */
  readonly keepProof?: string;
  /** What it may move over the internet; absent: nothing. */
  readonly internet?: InternetUse;
}

/** Of one attempt. */
export interface InternetUse {
  /** Both ways together; 0: nobody knows. */
  readonly maxBytes: number;
  /** Bit/s; 0: what its owner leaves. */
  readonly downBps: number;
  readonly upBps: number;
}

export type EndCode =
  | 'succeeded'
  | 'exited'
  | 'signalled'
  | 'timeout'
  | 'out_of_memory'
  | 'out_of_disk'
  | 'bad_output'
  | 'not_started'
  | 'lost'
  | 'owner'
  | 'cancelled'
  | 'given_back'
  | 'out_of_bytes';

/** How a task's process ended; `succeeded` still needs its outputs collected. */
export interface Exit {
  readonly code: EndCode;
  readonly exitCode: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** For people. */
  readonly detail: string;
}

export type Direction = 'down' | 'up';

/**
 * Where an attempt stands.
 * fetching: inputs wait for a transfer grant or are on the way; ready: waits for a slot;
 * starting: the sandbox was asked; running; collecting: outputs are hashed; sending: the result
 * waits for a transfer grant or is on the way; ended: waits for the acknowledgement.
 */
export type AttemptPhase =
  | 'fetching'
  | 'ready'
  | 'starting'
  | 'running'
  | 'collecting'
  | 'sending'
  | 'ended';

/** What the owner's limits and the machine allow now; computed at the edge, told to the core. */
export interface Allowance {
  /** Slots that may run tasks now; 0 while paused or too hot. */
  readonly slots: number;
  /** Memory for all tasks together; a task that wants more runs alone. */
  readonly memoryBytes: number;
  readonly isAccepting: boolean;
  readonly notAccepting: { readonly code: string; readonly reason: string } | null;
  /** The minute of the day at which the owner's hours end; null: they don't. */
  readonly hoursEndMinute: number | null;
  /** Running tasks end too: outside the owner's hours, or far too hot. */
  readonly isEndingTasks: boolean;
  /** Running tasks stand still: its owner has paused it, or it is too hot. */
  readonly isFreezing: boolean;
  /** Researchers whose tasks its owner does not want here. */
  readonly refuses: readonly string[];
  /** Whether its owner lets tasks reach the internet. */
  readonly allowsInternet: boolean;
  /** Of the household's line in a month, all its nodes together. */
  readonly monthCapBytes: number;
}

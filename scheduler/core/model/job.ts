// What a researcher submitted, validated: the template that all tasks of a job share.

import type { Architecture } from './architecture.ts';
import type { Instant, JobId, Sha256, SiteId } from './ids.ts';
import type { Service } from './service.ts';

export interface BlobRef {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

export interface Bundle extends BlobRef {
  readonly architecture: Architecture;
  readonly isRootFileSystem: boolean;
}

export interface InputFile extends BlobRef {
  /** Relative path in the work folder. */
  readonly path: string;
}

/** What one task costs. null: unknown, until finished tasks have shown it. */
export interface Profile {
  readonly workGhzSeconds: number | null;
  readonly outputBytes: number | null;
}

export interface JobTemplate {
  readonly name: string;
  /** At most one for each architecture. */
  readonly bundles: readonly Bundle[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly sharedInputs: readonly InputFile[];
  readonly outputs: readonly string[];
  readonly taskCount: number;
  /** The blob with each task's own input or row; null when tasks have none. */
  readonly manifest: BlobRef | null;
  /** Of the tasks' rows; absent when they have none. */
  readonly columns?: readonly string[];
  /** Bytes of each task's own input, in the order of the tasks; empty when tasks have none. */
  readonly taskInputBytes: readonly number[];
  /** Number of the site where its tasks' own inputs were born and lie: its nodes have them without the uplink, all others over that
   * site's uplink up and their own down. Absent: they are at the origin. */
  readonly home?: number;
  /** Where its tasks run; absent: anywhere. */
  readonly site?: JobSite;
  /** Whether its outputs stay on the nodes that made them; absent: they go to the origin. */
  readonly keepsOutputs?: boolean;
  /** Whose outputs its tasks' own inputs are; absent: nobody's. */
  readonly outputsOf?: OutputsOf;
  readonly profile: Profile;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly retries: number;
  readonly lostAfterMs: number;
  /** Among the jobs of one researcher, the higher goes first. */
  readonly priority: number;
  /** Whether a node keeps what an attempt left in its checkpoint folder; absent: it does not. */
  readonly keepsCheckpoint?: boolean;
  /** What its tasks reach: each other, by messages, or the internet, by a proxy; absent: nothing. */
  readonly network?: 'federation' | 'internet';
  /** Bytes that one task moves over the internet, both ways together; absent: none, or a service's rates tell. */
  readonly internetBytes?: number;
  /** Jobs that must have succeeded before its tasks start. */
  readonly after: readonly JobId[];
  /** When it should have ended; null: whenever. */
  readonly deadlineAt: Instant | null;
  /** Its tasks run until it is cancelled; null: each ends. */
  readonly service: Service | null;
}

export interface JobSite {
  readonly number: number;
  readonly siteId: SiteId;
}

/** Outputs of a job that had ended when another one was submitted that takes them: so there are no circles. */
export interface OutputsOf {
  readonly jobId: JobId;
  /** For each task of the job that takes them, the index of the task that made its input. */
  readonly tasks: readonly number[];
}

export const jobStates = ['active', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** A job that another one waited for, and how it ended. */
export interface CancelCause {
  readonly jobId: JobId;
  readonly state: 'failed' | 'cancelled';
}

/**
 * The durable states of a task. What a leased task does (staging, running, sending) is soft: the
 * agents tell it again after a restart.
 */
export const taskStates = ['waiting', 'leased', 'succeeded', 'failed', 'cancelled'] as const;
export type TaskState = (typeof taskStates)[number];

/** What a lease is doing, as far as its node has told. */
export const leasePhases = ['granted', 'held', 'running', 'sending'] as const;
export type LeasePhase = (typeof leasePhases)[number];

/** How an attempt ended; the order is that of `punnet.v1.EndCode`, from 1. */
export const endCodes = [
  'succeeded',
  'exited',
  'signalled',
  'timeout',
  'out_of_memory',
  'out_of_disk',
  'bad_output',
  'not_started',
  'lost',
  'owner',
  'cancelled',
  'given_back',
  'out_of_bytes',
] as const;
export type EndCode = (typeof endCodes)[number];

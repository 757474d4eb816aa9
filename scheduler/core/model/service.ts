// A service: a job whose tasks, its replicas, run until somebody cancels it.

import type { Instant } from './ids.ts';
import type { JobTemplate } from './job.ts';

/** What something uses for as long as it runs. */
export interface Rates {
  readonly cpuGhz: number;
  readonly downBps: number;
  readonly upBps: number;
}

export const noRates: Rates = { cpuGhz: 0, downBps: 0, upBps: 0 };

/** The longest timeout that an agent takes; the agent gives no task that much, but none at all. */
export const noTimeoutMs = 2 ** 31 - 1;

/** What makes a job a service. */
export interface Service {
  /** Of one replica; a CPU rate of null is all of the slot that it has. */
  readonly rates: Omit<Rates, 'cpuGhz'> & { readonly cpuGhz: number | null };
}

/** How a replica fares. */
export interface Replica {
  /** What it runs: the newest revision is the job's template. */
  readonly revision: number;
  /** Attempts that have ended, each followed by another. */
  readonly restarts: number;
  /** Those of the last ones that ended soon after they had been placed. */
  readonly quickEnds: number;
  /** Not before then is it placed again; 0: it may be. */
  readonly restsUntil: Instant;
}

/** What became of the specification of a service since its submit. */
export interface Revisions {
  readonly newest: number;
  /** What replicas run that have not been changed yet. */
  readonly older: readonly { readonly revision: number; readonly template: JobTemplate }[];
  /** Replicas that were on nodes when the newest came: so many must run well before one is changed. */
  readonly onNodes: number;
  /** The last changes that were asked for, to tell one that comes again. */
  readonly requests: readonly string[];
}

// What is on nodes now: how long the slowest task of each job will still take, and what the running
// ones have done already.

import type { Instant } from '../model/ids.ts';
import { nodeOf, siteOf } from '../leases.ts';
import { workOf } from '../placement/estimate.ts';
import type { LeaseRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';

export interface OnNodes {
  /** Seconds until the last one of the job's leases has ended, by number of the job. */
  readonly longest: ReadonlyMap<number, number>;
  /** GHz·s that running tasks have done, by number of the site. */
  readonly done: ReadonlyMap<number, number>;
}

/** A task that runs longer than it should is thought to need this part of its time more. */
const overrun = 0.1;

/** One pass over all leases in force. */
export function remainingOf(state: State, now: Instant): OnNodes {
  const longest = new Map<number, number>();
  const done = new Map<number, number>();
  for (const lease of state.leases.values()) {
    if (lease.isVoid) continue;
    const site = siteOf(state, nodeOf(state, lease));
    const { seconds, doneGhzSeconds } = judge(state, lease, now);
    longest.set(lease.jobNumber, Math.max(longest.get(lease.jobNumber) ?? 0, seconds));
    done.set(site.number, (done.get(site.number) ?? 0) + doneGhzSeconds);
  }
  return { longest, done };
}

function judge(
  state: State,
  lease: LeaseRecord,
  now: Instant,
): { readonly seconds: number; readonly doneGhzSeconds: number } {
  const node = nodeOf(state, lease);
  const site = siteOf(state, node);
  const up = (8 * lease.upBytes) / (site.share * site.upBps);
  if (lease.phase === 'sending') return { seconds: up, doneGhzSeconds: 0 };
  const work = workOf(mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber));
  const { speedGhz } = node.inventory;
  const whole = work / speedGhz;
  if (lease.phase !== 'running') {
    const down = (8 * lease.downBytes) / (site.share * site.downBps);
    return { seconds: down + whole + up, doneGhzSeconds: 0 };
  }
  const elapsed = Math.max(0, now - lease.phaseSince) / 1000;
  const left = Math.max(whole - elapsed, overrun * whole);
  return { seconds: left + up, doneGhzSeconds: Math.min(elapsed, whole) * speedGhz };
}

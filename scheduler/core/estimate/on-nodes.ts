// What is on nodes now: how long the slowest task of each job will still take, and what the running
// ones have done already.

import type { Instant } from '../model/ids.ts';
import { nodeOf, siteOf } from '../leases.ts';
import { workOf } from '../placement/estimate.ts';
import type { LeaseRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Finish } from './finish.ts';
import { inTurn } from './finish.ts';

export interface OnNodes {
  /** When the last one of the job's leases has ended, by number of the job. */
  readonly longest: ReadonlyMap<number, Finish>;
  /** GHz·s that running tasks have done, by number of the site. */
  readonly done: ReadonlyMap<number, number>;
}

/** A task that runs longer than it should is thought to need this part of its time more. */
const overrun = 0.1;

/** One pass over all leases in force. */
export function remainingOf(state: State, now: Instant): OnNodes {
  const longest = new Map<number, Finish>();
  const done = new Map<number, number>();
  for (const lease of state.leases.values()) {
    if (lease.isVoid) continue;
    const site = siteOf(state, nodeOf(state, lease));
    const { end, doneGhzSeconds } = judge(state, lease, now);
    const before = longest.get(lease.jobNumber);
    if (before === undefined || before.seconds < end.seconds) longest.set(lease.jobNumber, end);
    done.set(site.number, (done.get(site.number) ?? 0) + doneGhzSeconds);
  }
  return { longest, done };
}

function judge(
  state: State,
  lease: LeaseRecord,
  now: Instant,
): { readonly end: Finish; readonly doneGhzSeconds: number } {
  const node = nodeOf(state, lease);
  const site = siteOf(state, node);
  const up = (8 * lease.upBytes) / (site.share * site.upBps);
  if (lease.phase === 'sending') return { end: inTurn({ down: 0, cpu: 0, up }), doneGhzSeconds: 0 };
  const work = workOf(mustHave(state.jobs.get(lease.jobNumber), 'job', lease.jobNumber));
  const { speedGhz } = node.inventory;
  const whole = work / speedGhz;
  if (lease.phase !== 'running') {
    const down = (8 * lease.downBytes) / (site.share * site.downBps);
    return { end: inTurn({ down, cpu: whole, up }), doneGhzSeconds: 0 };
  }
  const elapsed = Math.max(0, now - lease.phaseSince) / 1000;
  const cpu = Math.max(whole - elapsed, overrun * whole);
  return {
    end: inTurn({ down: 0, cpu, up }),
    doneGhzSeconds: Math.min(elapsed, whole) * speedGhz,
  };
}

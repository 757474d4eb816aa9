// A task goes only where the owner's hours last long enough for it: at their end the agent ends what
// runs, and the work is lost.

import { slotLeases, slotsOf } from '../leases.ts';
import { hoursMargin, replicaSettledMs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { JobRecord, NodeRecord } from '../state.ts';
import { knownWorkOf, workOf } from './estimate.ts';
import type { Refusal } from './filter.ts';

/** What this round of placement has given to the node already. */
export interface Given {
  readonly leases: number;
  readonly workGhzSeconds: number;
}

const nothingGiven: Given = { leases: 0, workGhzSeconds: 0 };

/** null: the hours are long enough, or the owner has set none. */
export function refuseHours(
  job: JobRecord,
  node: NodeRecord,
  { now, given = nothingGiven }: { readonly now: Instant; readonly given?: Given },
): Refusal | null {
  if (node.closesAt === null) return null;
  const leftMs = Math.max(0, node.closesAt - now);
  const needsMs = needOf(job, node) + aheadMs(node, given);
  if (needsMs <= leftMs) return null;
  if (job.template.service !== null) return tooSoon(leftMs);
  const what = isKnown(job) ? 'a task needs' : 'a task may take';
  return {
    code: 'hours_left',
    reason: `its owner's hours end in ${minutesText(leftMs)}, and ${what} ${minutesText(needsMs)}`,
    remedy: isKnown(job)
      ? 'wait for longer hours, or make shorter tasks'
      : 'declare profile.work or a shorter timeout: until some tasks have ended, the timeout counts',
  };
}

/** A replica is placed again when the hours end, and must have had some use until then. */
function tooSoon(leftMs: number): Refusal {
  const least = minutesText(replicaSettledMs);
  return {
    code: 'hours_left',
    reason: `its owner's hours end in ${minutesText(leftMs)}, and a replica gets ${least} at least`,
    remedy: 'wait for its next hours, or for other nodes',
  };
}

/**
 * What is declared or measured, with a margin, since an estimate is off and inputs come first. Of an
 * unknown task its timeout: it may take so long, and a guess would lose the work of whoever exceeds it.
 */
function needOf(job: JobRecord, node: NodeRecord): number {
  const { timeoutMs, service } = job.template;
  if (service !== null) return replicaSettledMs;
  if (!isKnown(job)) return timeoutMs;
  return Math.min(timeoutMs, (hoursMargin * 1000 * workOf(job)) / node.inventory.speedGhz);
}

function isKnown(job: JobRecord): boolean {
  return knownWorkOf(job) !== null;
}

/** Until a slot is free for it: so many rounds of the tasks before it, of which each takes the mean. */
function aheadMs(node: NodeRecord, given: Given): number {
  const leases = slotLeases(node) - node.serving + given.leases;
  const rounds = Math.floor(leases / Math.max(1, slotsOf(node) - node.serving));
  if (rounds === 0) return 0;
  const mean = (node.pendingWorkGhzSeconds + given.workGhzSeconds) / leases;
  return (1000 * rounds * mean) / node.inventory.speedGhz;
}

/** "35 min", "2 h 5 min". */
export function minutesText(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}

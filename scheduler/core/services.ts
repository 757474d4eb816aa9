// The rules of services: a replica whose attempt has ended, however it did, waits again, and the
// sooner its attempts end, the longer. It never ends by itself.

import {
  longestReplicaRestMs,
  replicaRestMs,
  replicaSettledMs,
  serviceClaimSeconds,
} from './limits.ts';
import type { Instant } from './model/ids.ts';
import { instant } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import type { Rates, Replica, Revisions } from './model/service.ts';
import { noRates } from './model/service.ts';
import type { Claim } from './queue/share.ts';
import type { JobRecord, NodeRecord } from './state.ts';

/** Nothing has happened to it. */
export function freshReplica(revision: number): Replica {
  return { revision, restarts: 0, quickEnds: 0, restsUntil: instant(0) };
}

/** Of a job that nothing has happened to; null: it is no service. */
export function newReplicas(template: JobTemplate): Replica[] | null {
  if (template.service === null) return null;
  return new Array<Replica>(template.taskCount).fill(freshReplica(0));
}

/** Of a service that was never changed; null: the job is none. */
export function firstRevisions(template: JobTemplate): Revisions | null {
  if (template.service === null) return null;
  return { newest: 0, older: [], onNodes: 0, requests: [] };
}

/** What a task of the job runs. */
export function templateOf(
  { template, replicas, revisions }: JobRecord,
  taskIndex: number,
): JobTemplate {
  if (replicas === null || revisions === null || revisions.older.length === 0) return template;
  const revision = replicas[taskIndex]?.revision;
  return revisions.older.find((each) => each.revision === revision)?.template ?? template;
}

/** The job as this task of it sees it. */
export function asOf(job: JobRecord, taskIndex: number): JobRecord {
  const template = templateOf(job, taskIndex);
  return template === job.template ? job : { ...job, template };
}

/**
 * The replica after the end of an attempt. The time counts from when it was placed: what is placed
 * again only after minutes needs no rest, whatever it did in them.
 */
export function afterEnd(
  replica: Replica,
  attempt: { readonly placedAt: number; readonly endedAt: Instant },
): Replica {
  const { placedAt, endedAt } = attempt;
  const isQuick = endedAt - placedAt < replicaSettledMs;
  const quickEnds = isQuick ? replica.quickEnds + 1 : 0;
  const restMs = isQuick
    ? Math.min(longestReplicaRestMs, replicaRestMs * 2 ** replica.quickEnds)
    : 0;
  const restsUntil = instant(isQuick ? endedAt + restMs : 0);
  return { ...replica, restarts: replica.restarts + 1, quickEnds, restsUntil };
}

/** It may be placed again when its time has come. */
export function afterRest(replica: Replica, now: Instant): Replica {
  return replica.restsUntil > now ? replica : { ...replica, restsUntil: instant(0) };
}

/** Somebody wants it to start now. */
export function rested(replica: Replica): Replica {
  return { ...replica, quickEnds: 0, restsUntil: instant(0) };
}

/** Whether a waiting task rests after quick ends; only replicas do. */
export function isResting(job: JobRecord, taskIndex: number): boolean {
  return (job.replicas?.[taskIndex]?.restsUntil ?? 0) > 0;
}

/** Whether a replica of the job has rested long enough. */
export function hasRested(job: JobRecord, now: Instant): boolean {
  return job.replicas?.some(({ restsUntil }) => restsUntil > 0 && restsUntil <= now) ?? false;
}

/** What a task of the job uses on the node for as long as it runs; nothing, when it will end. */
export function ratesOf({ service }: JobTemplate, node: NodeRecord): Rates {
  if (service === null) return noRates;
  const { cpuGhz, downBps, upBps } = service.rates;
  return { cpuGhz: cpuGhz ?? node.inventory.speedGhz, downBps, upBps };
}

/** What a researcher is charged for in advance: a replica has no end to count to. */
export function claimOf({ cpuGhz, downBps, upBps }: Rates): Claim {
  return {
    workGhzSeconds: cpuGhz * serviceClaimSeconds,
    bits: (downBps + upBps) * serviceClaimSeconds,
  };
}

/** Sums of floating point leave crumbs: never below nothing. */
export function addRates(one: Rates, other: Rates, sign: 1 | -1): Rates {
  // Of all but services.
  if (other === noRates) return one;
  return {
    cpuGhz: noCrumbs(one.cpuGhz + sign * other.cpuGhz),
    downBps: noCrumbs(one.downBps + sign * other.downBps),
    upBps: noCrumbs(one.upBps + sign * other.upBps),
  };
}

function noCrumbs(sum: number): number {
  return sum < 1e-6 ? 0 : sum;
}

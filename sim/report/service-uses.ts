// How services fared: how long their replicas were up, how often they moved and why.

import type { ReplicaLease } from '../run/replica-log.ts';
import type { RunResult } from '../run/run.ts';
import type { World } from '../world/draw-world.ts';

export interface ServiceUse {
  readonly name: string;
  readonly replicas: number;
  /** Of all replicas, from when the service came until it was stopped or the run was over. */
  readonly wantedSeconds: number;
  /** In which they ran; two copies of one count once. */
  readonly upSeconds: number;
  /** 1 for a service that never came. */
  readonly upPart: number;
  /** Leases that ended before their service did, by why. */
  readonly moves: Readonly<Record<string, number>>;
  /** Over uplinks, without programs. */
  readonly downBytes: number;
  readonly upBytes: number;
}

/** While a lease of a replica ran, and its service was wanted. */
export interface ReplicaRun {
  readonly of: ReplicaLease;
  readonly fromMs: number;
  readonly toMs: number;
}

export function serviceUses(world: World, result: RunResult): readonly ServiceUse[] {
  const runs = replicaRuns(world, result);
  return world.services.map((service, place) => {
    const { name, replicas, fromMs, untilMs } = service;
    const wantedMs = Math.max(0, Math.min(untilMs, result.makespanMs) - fromMs) * replicas;
    const upMs = upSpans(runs.filter(({ of }) => of.service === place)).reduce(
      (sum, span) => sum + span.toMs - span.fromMs,
      0,
    );
    const leases = result.replicas.leases.filter((lease) => lease.service === place);
    const streamed = leases.flatMap(({ lease }) => result.attempts.streamed.get(lease) ?? []);
    return {
      ...{ name, replicas, wantedSeconds: wantedMs / 1000, upSeconds: upMs / 1000 },
      upPart: wantedMs === 0 ? 1 : upMs / wantedMs,
      moves: movesOf(leases),
      downBytes: Math.round(streamed.reduce((sum, { downBytes }) => sum + downBytes, 0)),
      upBytes: Math.round(streamed.reduce((sum, { upBytes }) => sum + upBytes, 0)),
    };
  });
}

/** In the order of their leases; those that never ran are none. */
export function replicaRuns(world: World, result: RunResult): readonly ReplicaRun[] {
  const { attempts, replicas, makespanMs } = result;
  return replicas.leases.flatMap((of) => {
    const startedAt = attempts.startedAt[of.lease] ?? 0;
    const exitedAt = attempts.exitedAt[of.lease] ?? 0;
    const { fromMs = 0, untilMs = 0 } = world.services[of.service] ?? {};
    const endMs = Math.min(untilMs, exitedAt === 0 ? makespanMs : exitedAt);
    const beginMs = Math.max(fromMs, startedAt);
    return startedAt === 0 || endMs <= beginMs ? [] : [{ of, fromMs: beginMs, toMs: endMs }];
  });
}

export interface UpSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Of one service: a node that was cut off may run a copy of what runs elsewhere by now. */
export function upSpans(runs: readonly ReplicaRun[]): readonly UpSpan[] {
  const spans: UpSpan[] = [];
  const upUntil = new Map<number, number>();
  for (const { of, fromMs, toMs } of [...runs].sort((a, b) => a.fromMs - b.fromMs)) {
    const until = upUntil.get(of.replica) ?? 0;
    if (toMs <= until) continue;
    spans.push({ fromMs: Math.max(fromMs, until), toMs });
    upUntil.set(of.replica, toMs);
  }
  return spans;
}

function movesOf(leases: readonly ReplicaLease[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { endedMs, why } of leases) {
    if (endedMs === null || why === 'stopped') continue;
    counts[why] = (counts[why] ?? 0) + 1;
  }
  return counts;
}

const words: Readonly<Record<string, string>> = {
  lost: 'node switched off',
  owner: "end of owner's hours",
  given_back: 'given back by its owner',
  node_lost: 'node silent too long',
  node_revoked: 'node revoked',
  overdue: 'never started',
};

/** For people. */
export function moveText(why: string): string {
  return words[why] ?? why;
}

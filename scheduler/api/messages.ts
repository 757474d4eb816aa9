// The core's summaries as messages.

import { RateSource, Refusal } from '../../proto/gen/punnet/v1/common.ts';
import type { Job, Task } from '../../proto/gen/punnet/v1/job.ts';
import { JobState, TaskState } from '../../proto/gen/punnet/v1/job.ts';
import type { AddressSeen, Node, Plan, Site } from '../../proto/gen/punnet/v1/node_service.ts';
import { NodeHealth, SitedBy } from '../../proto/gen/punnet/v1/node_service.ts';
import type { Token } from '../../proto/gen/punnet/v1/token_service.ts';
import { TokenRole } from '../../proto/gen/punnet/v1/token_service.ts';
import type * as core from '../core/index.ts';
import { toSpec } from './show-spec.ts';

const jobStates = {
  active: JobState.ACTIVE,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
} as const;

const taskStates = {
  waiting: TaskState.WAITING,
  staging: TaskState.STAGING,
  running: TaskState.RUNNING,
  sending: TaskState.SENDING,
  succeeded: TaskState.SUCCEEDED,
  failed: TaskState.FAILED,
  cancelled: TaskState.CANCELLED,
} as const;

const healths = {
  new: NodeHealth.NEW,
  healthy: NodeHealth.HEALTHY,
  suspect: NodeHealth.SUSPECT,
  lost: NodeHealth.LOST,
  quarantined: NodeHealth.QUARANTINED,
  revoked: NodeHealth.REVOKED,
} as const;

const sources = {
  guessed: RateSource.GUESSED,
  declared: RateSource.DECLARED,
  measured: RateSource.MEASURED,
} as const;

const sitedBys = {
  operator: SitedBy.OPERATOR,
  token: SitedBy.TOKEN,
  owner: SitedBy.OWNER,
  lan: SitedBy.LAN,
  nat: SitedBy.NAT,
  alone: SitedBy.ALONE,
} as const;

const roles = {
  node: TokenRole.NODE,
  researcher: TokenRole.RESEARCHER,
  operator: TokenRole.OPERATOR,
} as const;

/** The core's word for a message's number; null for unspecified ones and those of newer callers. */
function wordOf<W extends string>(words: Readonly<Record<W, number>>, value: number): W | null {
  for (const word of Object.keys(words) as W[]) if (words[word] === value) return word;
  return null;
}

export const jobStateOf = (value: number): core.JobState | null => wordOf(jobStates, value);
export const taskPhaseOf = (value: number): core.TaskPhase | null => wordOf(taskStates, value);
export const roleOf = (value: number): core.TokenRole | null => wordOf(roles, value);

export function toJob(job: core.JobSummary): Job {
  return {
    jobId: job.jobId,
    researcher: job.researcher,
    spec: toSpec(job.template),
    state: jobStates[job.state],
    submittedUnixMs: job.submittedAt,
    endedUnixMs: job.endedAt ?? 0,
    counts: { ...job.counts },
    measured:
      job.measuredWorkGhzSeconds === null
        ? undefined
        : {
            workGhzS: job.measuredWorkGhzSeconds,
            tasks: job.counts.succeeded,
            declaredWorkGhzS: job.template.profile.workGhzSeconds ?? 0,
            resultBytes: Math.round(job.measuredResultBytes ?? 0),
            declaredOutputBytes: job.template.profile.outputBytes ?? 0,
          },
    ...toEstimate(job.forecast),
    deadlineUnixMs: job.template.deadlineAt ?? 0,
    isLate: job.isLate,
    waitsFor: [...job.waitsFor],
    endReason: job.endReason,
    restarts: job.restarts,
    changed: job.changed,
    rollout: job.rollout,
  };
}

/** Its row is in the list of tasks: `toTasks` of task-list.ts adds it. */
export function toEstimate(
  forecast: core.Forecast | null,
): Pick<Job, 'etaUnixMs' | 'etaBoundBy' | 'etaBasis'> {
  return {
    etaUnixMs: forecast?.endsAt ?? 0,
    etaBoundBy: forecast?.boundBy ?? '',
    etaBasis: forecast?.basis ?? '',
  };
}

export function toTask(task: core.TaskSummary): Task {
  return {
    jobId: task.jobId,
    index: task.index,
    state: taskStates[task.phase],
    failures: task.failures,
    losses: task.losses,
    nodeId: task.nodeId ?? '',
    nodeName: task.nodeName,
    siteId: task.siteId ?? '',
    placement: task.placement,
    backupNodeName: task.backupNodeName,
    leasedUnixMs: task.leasedAt ?? 0,
    endedUnixMs: task.endedAt ?? 0,
    cpuSeconds: task.cpuMs / 1000,
    endCode: task.endCode ?? '',
    exitCode: task.exitCode,
    row: {},
    restarts: task.replica?.restarts ?? 0,
    restsUntilUnixMs: task.replica?.restsUntil ?? 0,
  };
}

/** With why it counts to its site, and for operators where its tunnel came from. */
export function toNode(
  node: core.NodeSummary,
  seen: Pick<Node, 'siteReason' | 'overlayAddress'> & {
    readonly addresses: readonly AddressSeen[];
  },
): Node {
  const { status } = node;
  const uplink = status?.uplink ?? null;
  const refusal = status?.notAccepting ?? null;
  return {
    nodeId: node.nodeId,
    name: node.name,
    siteId: node.siteId,
    health: healths[node.health],
    // Whoever knows it could say that he is there, too.
    inventory: { ...node.inventory, household: undefined },
    status:
      status === null
        ? undefined
        : {
            ...status,
            uplink: uplink === null ? undefined : { ...uplink, source: sources[uplink.source] },
            hoursLeftMs: status.hoursLeftMs ?? undefined,
            notAccepting: refusal === null ? undefined : Refusal.fromPartial(refusal),
            refuses: [...status.refuses],
            month: status.month ?? undefined,
          },
    enrolledUnixMs: node.enrolledAt,
    lastHeardUnixMs: node.lastHeardAt ?? 0,
    leases: node.leases,
    tasksSucceeded: node.tasksSucceeded,
    tasksFailed: node.tasksFailed,
    isDraining: node.isDraining,
    sitedBy: sitedBys[node.sitedBy],
    siteReason: seen.siteReason,
    natGroup: node.natGroup,
    addresses: [...seen.addresses],
    overlayAddress: seen.overlayAddress,
  };
}

export function toSite(
  site: core.SiteSummary,
  bytes: { readonly down: number; readonly up: number },
): Site {
  return {
    siteId: site.siteId,
    uplink: { ...site.uplink, source: sources[site.uplink.source] },
    share: site.share,
    nodes: site.nodes,
    slots: site.slots,
    cpuGhz: site.cpuGhz,
    downRatio: site.downRatio ?? 0,
    upRatio: site.upRatio ?? 0,
    bytesDown: bytes.down,
    bytesUp: bytes.up,
    lans: [...site.lans],
    evidence: site.evidence,
    tunnelBytesDown: site.tunnelBytes.down,
    tunnelBytesUp: site.tunnelBytes.up,
    uplinkReason: site.uplinkReason,
    probes: site.probes.count,
    probeBytes: site.probes.bytes,
    lastProbes: site.probes.recent.map(({ at, downBps, upBps }) => ({
      ...{ atUnixMs: at, downBps: downBps ?? 0, upBps: upBps ?? 0 },
    })),
    exchanges: [],
  };
}

export function toToken(token: core.Token): Token {
  return {
    tokenId: token.tokenId,
    role: roles[token.role],
    name: token.name,
    siteId: token.siteId ?? '',
    createdUnixMs: token.createdAt,
    expiresUnixMs: token.expiresAt,
    usesLeft: token.usesLeft ?? undefined,
    isRevoked: token.isRevoked,
  };
}

export function toPlan({ askedAt, endsAt, sites, jobs }: core.PlanSummary): Plan {
  return {
    askedUnixMs: askedAt,
    endsUnixMs: endsAt,
    sites: sites.map((group) => ({ ...group, siteIds: [...group.siteIds] })),
    jobs: jobs.map((kind) => ({
      ...kind,
      jobIds: [...kind.jobIds],
      names: [...kind.names],
      shares: [...kind.shares],
    })),
  };
}

// Numbers of the whole federation, for metrics: counted when somebody asks, never kept.

import type { Fact } from './facts.ts';
import { jobsCounted } from './limits.ts';
import type { Architecture } from './model/architecture.ts';
import type { Instant, SiteId } from './model/ids.ts';
import type { JobState, LeasePhase } from './model/job.ts';
import type { NodeHealth } from './model/node.ts';
import { isSuited, knownCode, refuseNode } from './placement/filter.ts';
import { leasedRowLength, rowsOf } from './rows.ts';
import type { State } from './state.ts';
import { mustHave } from './state.ts';
import type { TaskPhase } from './view.ts';

export interface Census {
  readonly jobs: ReadonlyMap<JobState, number>;
  readonly tasks: ReadonlyMap<TaskPhase, number>;
  /** In force by what they do, and those that are not in force any more. */
  readonly leases: ReadonlyMap<LeasePhase | 'void', number>;
  readonly nodes: readonly NodeCount[];
  /** Of the nodes that count as healthy, the longest silence; null without any. */
  readonly oldestReportMs: number | null;
  /** By reason: how often a node refuses one of the oldest waiting jobs. Few reasons only. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Of exchanged blobs, leased since the start: for the first time at a site, and again. */
  readonly exchangeBytes: ReadonlyMap<'first' | 'again', number>;
  /** Of their chunks, those that were leased again as a node found them nowhere at its site. */
  readonly unfoundChunks: number;
  /** Of those jobs, how many have no node that could ever run them. */
  readonly jobsWithoutNode: number;
}

interface NodeCount {
  readonly health: NodeHealth;
  readonly architecture: Architecture;
  readonly count: number;
}

export function census(state: State, now: Instant): Census {
  return {
    ...countJobs(state),
    leases: countLeases(state),
    ...countNodes(state, now),
    ...countRefusals(state, now),
    exchangeBytes: new Map([
      ['first', state.exchanges.firstBytes],
      ['again', state.exchanges.againBytes],
    ]),
    unfoundChunks: state.exchanges.unfoundChunks,
  };
}

/** How many tasks the facts place at each site. */
export function placementsBySite(
  state: State,
  facts: readonly Fact[],
): ReadonlyMap<SiteId, number> {
  const counts = new Map<SiteId, number>();
  for (const fact of facts) {
    if (fact.kind !== 'tasksLeased') continue;
    for (const [, , nodeNumber = -1] of rowsOf(fact.rows, leasedRowLength)) {
      const node = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
      add(counts, mustHave(state.sites[node.siteNumber], 'site', node.siteNumber).siteId);
    }
  }
  return counts;
}

function countJobs({ jobs: records }: State): Pick<Census, 'jobs' | 'tasks'> {
  const jobs = new Map<JobState, number>();
  const tasks = new Map<TaskPhase, number>();
  for (const job of records.values()) {
    add(jobs, job.state);
    add(tasks, 'waiting', job.waiting);
    add(tasks, 'staging', job.leased - job.running - job.sending);
    add(tasks, 'running', job.running);
    add(tasks, 'sending', job.sending);
    add(tasks, 'succeeded', job.succeeded);
    add(tasks, 'failed', job.failed);
    add(tasks, 'cancelled', job.cancelled);
  }
  return { jobs, tasks };
}

function countLeases(state: State): Census['leases'] {
  const leases = new Map<LeasePhase | 'void', number>();
  for (const lease of state.leases.values()) add(leases, lease.isVoid ? 'void' : lease.phase);
  return leases;
}

function countNodes(state: State, now: Instant): Pick<Census, 'nodes' | 'oldestReportMs'> {
  const counts = new Map<string, NodeCount>();
  let oldestReportMs: number | null = null;
  for (const { health, inventory, lastHeardAt } of state.nodes) {
    const { architecture } = inventory;
    const key = `${health} ${architecture}`;
    const count = (counts.get(key)?.count ?? 0) + 1;
    counts.set(key, { health, architecture, count });
    if (health !== 'healthy' || lastHeardAt === 0) continue;
    oldestReportMs = Math.max(oldestReportMs ?? 0, now - lastHeardAt);
  }
  return { nodes: [...counts.values()], oldestReportMs };
}

function countRefusals(state: State, now: Instant): Pick<Census, 'refusals' | 'jobsWithoutNode'> {
  const refusals = new Map<string, number>();
  let jobsWithoutNode = 0;
  let jobs = 0;
  for (const jobNumber of state.waitingJobs) {
    if (jobs >= jobsCounted) break;
    jobs += 1;
    const job = mustHave(state.jobs.get(jobNumber), 'job', jobNumber);
    let hasNode = false;
    for (const node of state.nodes) {
      if (node.health === 'revoked') continue;
      const refusal = refuseNode(job, node, now);
      if (refusal !== null) add(refusals, knownCode(refusal.code));
      hasNode ||= refusal === null || isSuited(job, node);
    }
    if (!hasNode) jobsWithoutNode += 1;
  }
  return { refusals, jobsWithoutNode };
}

function add<K>(counts: Map<K, number>, key: K, count = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

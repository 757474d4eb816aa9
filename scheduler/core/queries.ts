// The read-only view of the state: what the API, the page and the metrics show.

import { refuseJob } from './admission.ts';
import { backupOf } from './attempts.ts';
import type { Census } from './census.ts';
import { census, placementsBySite } from './census.ts';
import { readResult, stateCode, taskState } from './columns.ts';
import type { CommandRefusal, UpdateJob, WantedJob } from './commands.ts';
import { causeText } from './dependencies.ts';
import type { Fact } from './facts.ts';
import { dryRun } from './estimate/dry-run.ts';
import { Forecasts } from './estimate/forecast.ts';
import { isLate } from './estimate/late.ts';
import type { ExchangeSummary } from './distribution/show-exchanges.ts';
import { showExchanges } from './distribution/show-exchanges.ts';
import { forecastsPerList } from './limits.ts';
import { groupFailures } from './failures.ts';
import type { Happening } from './happenings.ts';
import { happeningsIn } from './happenings.ts';
import type { NamedBlob } from './holdings.ts';
import { namedBlobs } from './holdings.ts';
import { showKeeper } from './kept.ts';
import { leaseContextOf } from './lease-context.ts';
import { explainJob, explainTask } from './placement/explain.ts';
import type { Refusal } from './placement/filter.ts';
import type { PlanSummary } from './placement/plan/show-plan.ts';
import { showPlan, whyNoPlan } from './placement/plan/show-plan.ts';
import type { Policy } from './placement/policy.ts';
import { reasonText } from './placement/reasons.ts';
import { Round } from './placement/round.ts';
import type { Instant, JobId, LeaseId, NodeId, SiteId, TokenId } from './model/ids.ts';
import { instant } from './model/ids.ts';
import { endCodes } from './model/job.ts';
import type { JobState } from './model/job.ts';
import type { Token } from './model/token.ts';
import type { TaskSays } from './recipients.ts';
import { recipientsOf } from './recipients.ts';
import { shares } from './queue/shares.ts';
import { rolloutText } from './roll-services.ts';
import type { RolloutSummary } from './rollout/show-rollout.ts';
import { showRollout } from './rollout/show-rollout.ts';
import { refuseUpdate } from './update.ts';
import { siteOf, slotsOf } from './leases.ts';
import { estimateOf } from './probes/estimate.ts';
import { whyRates } from './probes/why-rates.ts';
import { isLeftOver, siteEvidence, whySited } from './sites/evidence.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from './state.ts';
import { mustHave } from './state.ts';
import type {
  DryRun,
  Explanation,
  FailureGroup,
  JobSummary,
  Keeper,
  LeaseContext,
  LeaseSummary,
  NodeSummary,
  Recipient,
  ShareSummary,
  SiteSummary,
  TaskPhase,
  TaskSummary,
  View,
} from './view.ts';

export class StateView implements View {
  readonly #state: State;
  readonly #now: () => Instant;
  readonly #policy: Policy;
  readonly #forecasts: Forecasts;

  constructor(state: State, { now, policy }: { now: () => Instant; policy: Policy }) {
    this.#state = state;
    this.#policy = policy;
    this.#forecasts = new Forecasts(state);
    this.#now = now;
  }

  rollouts(): readonly RolloutSummary[] {
    const { byName } = this.#state.rollouts;
    return [...byName.values()].map((each) => showRollout(this.#state, each, this.#now()));
  }

  job(jobId: JobId): JobSummary | undefined {
    const job = this.#state.jobById.get(jobId);
    return job === undefined ? undefined : this.#summarizeJob(job);
  }

  jobs(options: {
    readonly researcher: string | null;
    readonly name: string | null;
    readonly state: JobState | null;
    readonly before: number | null;
    readonly limit: number;
  }): readonly JobSummary[] {
    const found: JobSummary[] = [];
    for (const job of [...this.#state.jobs.values()].reverse()) {
      if (found.length >= options.limit) break;
      if (options.before !== null && job.number >= options.before) continue;
      if (options.researcher !== null && job.researcher !== options.researcher) continue;
      if (options.name !== null && job.template.name !== options.name) continue;
      if (options.state !== null && job.state !== options.state) continue;
      const isFirst = found.length < forecastsPerList;
      found.push(isFirst ? this.#summarizeJob(job) : summarizeJob(this.#state, job));
    }
    return found;
  }

  task(jobId: JobId, index: number): TaskSummary | undefined {
    const job = this.#state.jobById.get(jobId);
    if (job === undefined || index < 0 || index >= job.template.taskCount) return undefined;
    return this.#summarizeTask(job, index);
  }

  tasks(options: {
    readonly jobId: JobId;
    readonly phase: TaskPhase | null;
    readonly from: number;
    readonly limit: number;
  }): readonly TaskSummary[] {
    const job = this.#state.jobById.get(options.jobId);
    if (job === undefined) return [];
    const { phase, from, limit } = options;
    const found: TaskSummary[] = [];
    let index = nextOf(job, phase, from);
    while (index < job.template.taskCount && found.length < limit) {
      const isWanted = phase === null || this.#phaseOf(job, index) === phase;
      if (isWanted) found.push(this.#summarizeTask(job, index));
      index = nextOf(job, phase, index + 1);
    }
    return found;
  }

  failures(jobId: JobId): readonly FailureGroup[] {
    const job = this.#state.jobById.get(jobId);
    return job === undefined ? [] : groupFailures(this.#state, job);
  }

  node(nodeId: NodeId): NodeSummary | undefined {
    const node = this.#state.nodeById.get(nodeId);
    return node === undefined ? undefined : this.#summarizeNode(node);
  }

  instanceOf(nodeId: NodeId): string {
    return this.#state.nodeById.get(nodeId)?.instanceId ?? '';
  }

  whySited(nodeId: NodeId): string {
    const node = this.#state.nodeById.get(nodeId);
    return node === undefined ? '' : whySited(this.#state, node, this.#now());
  }

  nodes(): readonly NodeSummary[] {
    return this.#state.nodes.map((node) => this.#summarizeNode(node));
  }

  site(siteId: SiteId): SiteSummary | undefined {
    const site = this.#state.siteById.get(siteId);
    return site === undefined ? undefined : this.#summarizeSite(site);
  }

  siteNumber(siteId: SiteId): number | undefined {
    return this.#state.siteById.get(siteId)?.number;
  }

  sites(): readonly SiteSummary[] {
    const sites = this.#state.sites.filter((site) => !isLeftOver(site));
    return sites.map((site) => this.#summarizeSite(site));
  }

  exchanges(siteId: SiteId): readonly ExchangeSummary[] {
    const site = this.#state.siteById.get(siteId);
    return site === undefined ? [] : showExchanges(this.#state, site);
  }

  lease(leaseId: LeaseId): LeaseSummary | undefined {
    const lease = this.#state.leases.get(leaseId);
    if (lease === undefined) return undefined;
    const job = mustHave(this.#state.jobs.get(lease.jobNumber), 'job', lease.jobNumber);
    const node = mustHave(this.#state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
    return { leaseId, jobId: job.jobId, taskIndex: lease.taskIndex, nodeId: node.nodeId };
  }

  recipientsOf(said: TaskSays): readonly Recipient[] {
    return recipientsOf(this.#state, said);
  }

  leaseContext(lease: Omit<LeaseSummary, 'leaseId'>): LeaseContext | undefined {
    return leaseContextOf(this.#state, lease);
  }

  keeper(jobId: JobId, taskIndex: number): Keeper | null {
    const job = this.#state.jobById.get(jobId);
    return job === undefined ? null : showKeeper(this.#state, { job, taskIndex });
  }

  isKept(leaseId: LeaseId): boolean {
    const lease = this.#state.leases.get(leaseId);
    return this.#state.jobs.get(lease?.jobNumber ?? -1)?.template.keepsOutputs === true;
  }

  shares(): readonly ShareSummary[] {
    return shares(this.#state, this.#now());
  }

  tokens(): readonly Token[] {
    return [...this.#state.tokens.values()];
  }

  token(tokenId: TokenId): Token | undefined {
    return this.#state.tokens.get(tokenId);
  }

  tokenByHash(hash: string): Token | undefined {
    const tokenId = this.#state.tokenByHash.get(hash);
    return tokenId === undefined ? undefined : this.#state.tokens.get(tokenId);
  }

  explain(jobId: JobId, taskIndex: number | null): Explanation | undefined {
    const job = this.#state.jobById.get(jobId);
    if (job === undefined) return undefined;
    const round = new Round(this.#state, { now: this.#now(), policy: this.#policy });
    if (taskIndex === null) return explainJob(round, job);
    const task = this.task(jobId, taskIndex);
    return task === undefined ? undefined : explainTask(round, job, task);
  }

  plan(): { readonly plan: PlanSummary } | { readonly none: Refusal } {
    const { plan } = this.#state;
    return plan === null
      ? { none: whyNoPlan(this.#policy) }
      : { plan: showPlan(this.#state, plan) };
  }

  namedBlobs(): Iterable<NamedBlob | null> {
    return namedBlobs(this.#state);
  }

  census(): Census {
    return census(this.#state, this.#now());
  }

  placementsBySite(facts: readonly Fact[]): ReadonlyMap<SiteId, number> {
    return placementsBySite(this.#state, facts);
  }

  happenings(facts: readonly Fact[]): readonly Happening[] {
    return happeningsIn(this.#state, facts);
  }

  refuseJob(wanted: WantedJob): CommandRefusal | null {
    return refuseJob(this.#state, wanted);
  }

  refuseUpdate(wanted: Pick<UpdateJob, 'jobId' | 'template'>): CommandRefusal | null {
    return refuseUpdate(this.#state, wanted);
  }

  dryRun(wanted: WantedJob): DryRun {
    return dryRun(this.#state, wanted, { now: this.#now(), forecasts: this.#forecasts });
  }

  #summarizeJob(job: JobRecord): JobSummary {
    const now = this.#now();
    const forecast = this.#forecasts.of(job, now);
    return { ...summarizeJob(this.#state, job), forecast, isLate: isLate(job, forecast, now) };
  }

  #phaseOf(job: JobRecord, index: number): TaskPhase {
    const state = taskState(job.tasks, index);
    if (state !== 'leased') return state;
    // The column holds lease ids only.
    const lease = this.#state.leases.get((job.tasks.lease[index] ?? 0) as LeaseId);
    if (lease?.phase === 'running' || lease?.phase === 'sending') return lease.phase;
    return 'staging';
  }

  #summarizeTask(job: JobRecord, index: number): TaskSummary {
    const { tasks } = job;
    const node = this.#state.nodes[tasks.node[index] ?? -1];
    const backup = backupOf(this.#state, job, index);
    const code = tasks.endCode[index] ?? 0;
    return {
      jobId: job.jobId,
      index,
      phase: this.#phaseOf(job, index),
      failures: tasks.failures[index] ?? 0,
      losses: tasks.losses[index] ?? 0,
      replica: job.replicas?.[index] ?? null,
      nodeId: node?.nodeId ?? null,
      nodeName: node?.name ?? '',
      siteId: node === undefined ? null : siteOf(this.#state, node).siteId,
      backupNodeName: this.#state.nodes[backup?.nodeNumber ?? -1]?.name ?? '',
      placement: reasonText(
        tasks.reason[index] ?? 0,
        tasks.reasonCpuSeconds[index] ?? 0,
        tasks.reasonLinkSeconds[index] ?? 0,
      ),
      leasedAt: orNull(tasks.leasedAt[index]),
      endedAt: orNull(tasks.endedAt[index]),
      cpuMs: tasks.cpuMs[index] ?? 0,
      endCode: code === 0 ? null : mustHave(endCodes[code - 1], 'end code', code),
      exitCode: tasks.exitCode[index] ?? 0,
      result: readResult(tasks, index),
    };
  }

  #summarizeNode(node: NodeRecord): NodeSummary {
    const { number, slice, nodeId, name } = node;
    const { natsPublicKey, health, isDraining, inventory, status } = node;
    return {
      ...{ number, slice, nodeId, name, natsPublicKey, health, isDraining, inventory, status },
      siteId: siteOf(this.#state, node).siteId,
      sitedBy: node.sitedBy,
      natGroup: node.natGroup,
      enrolledAt: node.enrolledAt,
      lastHeardAt: node.lastHeardAt === 0 ? null : node.lastHeardAt,
      leases: node.leases.length,
      tasksSucceeded: node.tasksSucceeded,
      tasksFailed: node.tasksFailed,
    };
  }

  #summarizeSite(site: SiteRecord): SiteSummary {
    const nodes = site.nodeNumbers
      .map((number) => mustHave(this.#state.nodes[number], 'node', number))
      .filter((node) => node.health !== 'revoked');
    const lans = new Set(nodes.map((node) => node.inventory.lan).filter((lan) => lan !== ''));
    const { probing } = site;
    const ratio = (bps: number): number | null =>
      site.cpuGhz === 0 ? null : (site.share * bps) / 1e9 / site.cpuGhz;
    return {
      siteId: site.siteId,
      uplink: {
        downBps: site.downBps,
        upBps: site.upBps,
        source: site.source,
        ageMs: Math.max(0, this.#now() - site.setAt),
        spread: site.source === 'measured' ? (estimateOf(probing.recent)?.spread ?? 0) : 0,
      },
      uplinkReason: whyRates(site),
      probes: { count: probing.leases, bytes: probing.bytes, recent: probing.recent },
      share: site.share,
      lans: [...lans].sort(),
      evidence: siteEvidence(nodes),
      tunnelBytes: { down: site.tunnelDownBytes, up: site.tunnelUpBytes },
      nodes: nodes.length,
      slots: nodes.reduce((sum, node) => sum + slotsOf(node), 0),
      cpuGhz: site.cpuGhz,
      downRatio: ratio(site.downBps),
      upRatio: ratio(site.upBps),
    };
  }
}

/** The first task from there on that may be in the phase. The column is searched as bytes: a few
 * failed tasks among a million are found in less than a millisecond. */
function nextOf(job: JobRecord, phase: TaskPhase | null, from: number): number {
  if (phase === null) return from;
  const isLeased = phase === 'staging' || phase === 'running' || phase === 'sending';
  const index = job.tasks.state.indexOf(stateCode(isLeased ? 'leased' : phase), from);
  return index < 0 ? job.template.taskCount : index;
}

function orNull(at: number | undefined): Instant | null {
  return at === undefined || at === 0 ? null : instant(at);
}

function summarizeJob(state: State, job: JobRecord): JobSummary {
  const { number, jobId, researcher, template, submittedAt, endedAt } = job;
  return {
    ...{ number, jobId, researcher, template, submittedAt, endedAt },
    state: job.state,
    counts: {
      total: template.taskCount,
      waiting: job.waiting,
      staging: job.leased - job.running - job.sending,
      running: job.running,
      sending: job.sending,
      succeeded: job.succeeded,
      failed: job.failed,
      cancelled: job.cancelled,
    },
    measuredWorkGhzSeconds: job.workCount === 0 ? null : job.workSumGhzSeconds / job.workCount,
    measuredResultBytes: job.resultCount === 0 ? null : job.resultBytes / job.resultCount,
    forecast: null,
    isLate: false,
    waitsFor: job.waitsFor.flatMap((each) => state.jobs.get(each)?.jobId ?? []),
    restarts: job.replicas?.reduce((sum, { restarts }) => sum + restarts, 0) ?? 0,
    changed: job.replicas?.filter((each) => each.revision === job.revisions?.newest).length ?? 0,
    rollout: rolloutText(job),
    endReason: causeText(state, job),
  };
}

// The state as a snapshot: durable parts only. What is soft (phases, backlogs, transfers, reports)
// is told again by the agents.

import { addJob, completed } from './apply-jobs.ts';
import { addNode, applyNodeFact } from './apply-nodes.ts';
import type { TaskColumns } from './columns.ts';
import { columnNames, makeTaskColumns, stateCode } from './columns.ts';
import { sharesBlobs } from './distribution/wanted.ts';
import { factsVersion } from './facts.ts';
import type { Column, Json, StateImage } from './image.ts';
import { addHolder, addLease, leaveForce } from './leases.ts';
import type { Instant, LeaseId } from './model/ids.ts';
import { instant, leaseId } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import { noRates } from './model/service.ts';
import type { Token } from './model/token.ts';
import { isChargedPerSite, researcherOf } from './queue/researchers.ts';
import type { Usage } from './queue/share.ts';
import type { SavedRollouts } from './rollout/apply-rollouts.ts';
import { saveRollouts, wakeRollouts } from './rollout/apply-rollouts.ts';
import { enrolledSiting } from './sites/siting.ts';
import type { JobRecord, LeaseRecord, NodeRecord, ResearcherRecord, SiteRecord } from './state.ts';
import { State, mustHave, noLeases, noPrograms } from './state.ts';

type Later = 'cancelledBecause' | 'waitsFor' | 'retryRequests' | 'replicas' | 'revisions';
type SavedJob = Omit<
  JobRecord,
  | 'tasks'
  | 'running'
  | 'sending'
  | 'resultBytes'
  | 'resultCount'
  | 'leasesKept'
  | 'holders'
  | 'holderGhz'
  | 'sentOutputs'
  | 'chargedSites'
  | 'backups'
  | Later
> &
  Partial<Pick<JobRecord, Later>>;
type LaterOfNode =
  | 'sitedBy'
  | 'tokenSiteNumber'
  | 'natGroup'
  | 'natGroupSince'
  | 'lan'
  | 'silentSince'
  | 'awayAt'
  | 'awayBeforeAt';
type SavedNode = Omit<
  NodeRecord,
  | 'sight'
  | 'lanAskedAt'
  | 'lanTries'
  | 'sequence'
  | 'newsUntil'
  | 'lastHeardAt'
  | 'watchedSince'
  | 'status'
  | 'closesAt'
  | 'pendingWorkGhzSeconds'
  | 'leases'
  | 'programs'
  | 'sending'
  | 'serving'
  | 'consecutiveFailures'
  | 'restsUntil'
  | 'allottedBytes'
  | 'keeper'
  | LaterOfNode
> &
  Partial<Pick<NodeRecord, LaterOfNode>>;
type SavedSite = Pick<
  SiteRecord,
  'number' | 'siteId' | 'downBps' | 'upBps' | 'source' | 'share' | 'setAt'
> &
  // Not in the first snapshots.
  Partial<Pick<SiteRecord, 'probing'>>;

interface SavedResearcher extends Pick<ResearcherRecord, 'name' | 'settings'> {
  readonly usage: Omit<Usage, 'rates'> & Partial<Usage>;
}

interface Document {
  readonly nextLeaseId: number;
  readonly nextJobNumber: number;
  readonly latest: Instant;
  readonly sites: readonly SavedSite[];
  readonly nodes: readonly SavedNode[];
  readonly jobs: readonly SavedJob[];
  /** [lease id, job number, task index, node number, granted at] */
  readonly voidLeases: readonly (readonly number[])[];
  /** Rows as those of `voidLeases`; not in the first snapshots. */
  readonly backups?: readonly (readonly number[])[];
  readonly tokens: readonly Token[];
  /** Not in the first snapshots. */
  readonly researchers?: readonly SavedResearcher[];
  /** Not in the first snapshots. */
  readonly rollouts?: SavedRollouts;
}

/** Copies the state: between batches, and quick. */
export function imageOf(state: State): StateImage {
  const columns: Record<string, Column> = {};
  for (const job of state.jobs.values()) {
    for (const name of columnNames) columns[`${job.number}.${name}`] = job.tasks[name].slice();
    columns[inputBytesOf(job)] = Float64Array.from(job.template.taskInputBytes);
    if (sharesBlobs(job)) columns[holdersOf(job)] = sorted(job.holders);
    if (job.sentOutputs.size > 0) columns[sentOutputsOf(job)] = sorted(job.sentOutputs);
    if (isCharging(job)) columns[chargedSitesOf(job)] = sorted(job.chargedSites);
  }
  const voidLeases: (readonly number[])[] = [];
  const backups: (readonly number[])[] = [];
  for (const lease of state.leases.values()) {
    if (lease.isVoid) voidLeases.push(saveLease(lease));
    else if (state.jobs.get(lease.jobNumber)?.backups.get(lease.taskIndex) === lease.leaseId) {
      backups.push(saveLease(lease));
    }
  }
  const document: Document = {
    nextLeaseId: state.nextLeaseId,
    nextJobNumber: state.nextJobNumber,
    latest: state.latest,
    sites: state.sites.map(saveSite),
    nodes: state.nodes.map(saveNode),
    jobs: [...state.jobs.values()].map(saveJob),
    voidLeases,
    backups,
    tokens: [...state.tokens.values()],
    researchers: [...state.researchers.values()].map(saveResearcher),
    rollouts: saveRollouts(state),
  };
  // A Document is made of plain values only; TypeScript does not see that an interface is JSON.
  return { version: factsVersion, document: document as unknown as Json, columns };
}

function saveLease(lease: LeaseRecord): readonly number[] {
  const { leaseId: id, jobNumber, taskIndex, nodeNumber, grantedAt } = lease;
  return [id, jobNumber, taskIndex, nodeNumber, grantedAt];
}

function saveSite(site: SiteRecord): SavedSite {
  const { number, siteId, downBps, upBps, source, share, setAt, probing } = site;
  return { number, siteId, downBps, upBps, source, share, setAt, probing };
}

/** One plain literal: with spreads a copy of 1,000 nodes takes 8 ms instead of a tenth of one. */
function saveNode(node: NodeRecord): SavedNode {
  return {
    number: node.number,
    nodeId: node.nodeId,
    name: node.name,
    siteNumber: node.siteNumber,
    sitedBy: node.sitedBy,
    tokenSiteNumber: node.tokenSiteNumber,
    natGroup: node.natGroup,
    natGroupSince: node.natGroupSince,
    lan: node.lan,
    natsPublicKey: node.natsPublicKey,
    requestId: node.requestId,
    tokenId: node.tokenId,
    enrolledAt: node.enrolledAt,
    slice: node.slice,
    inventory: node.inventory,
    health: node.health,
    isDraining: node.isDraining,
    instanceNumber: node.instanceNumber,
    instanceId: node.instanceId,
    instanceSince: node.instanceSince,
    tasksSucceeded: node.tasksSucceeded,
    tasksFailed: node.tasksFailed,
    silentSince: node.silentSince,
    awayAt: node.awayAt,
    awayBeforeAt: node.awayBeforeAt,
  };
}

/** What grows with the number of tasks is in columns. */
function saveJob({
  tasks: _tasks,
  running: _running,
  sending: _sending,
  resultBytes: _resultBytes,
  resultCount: _resultCount,
  leasesKept: _leasesKept,
  holders: _holders,
  holderGhz: _holderGhz,
  sentOutputs: _sentOutputs,
  chargedSites: _chargedSites,
  backups: _backups,
  template,
  replicas,
  ...saved
}: JobRecord): SavedJob {
  return {
    ...saved,
    replicas: replicas?.slice() ?? null,
    template: { ...template, taskInputBytes: [] },
  };
}

/** The column of a job's `taskInputBytes`. */
function inputBytesOf(job: { readonly number: number }): string {
  return `${job.number}.taskInputBytes`;
}

/** The column of nodes that were given tasks of an active job, which may have what it shares. */
function holdersOf(job: { readonly number: number }): string {
  return `${job.number}.holders`;
}

/** The column of tasks whose outputs stay on their nodes and are at the origin too. */
function sentOutputsOf(job: { readonly number: number }): string {
  return `${job.number}.sentOutputs`;
}

/** The column of sites whose copy of what an active job shares was charged. */
function chargedSitesOf(job: { readonly number: number }): string {
  return `${job.number}.chargedSites`;
}

function isCharging(job: JobRecord): boolean {
  return job.state === 'active' && isChargedPerSite(job);
}

/** The same set is the same column, in whatever order it was made. */
function sorted(numbers: ReadonlySet<number>): Int32Array {
  return Int32Array.from(numbers).sort();
}

function saveResearcher({ name, settings, usage }: ResearcherRecord): SavedResearcher {
  return { name, settings, usage };
}

/** The state of a snapshot. Throws when the image is not one that `imageOf` made. */
export function stateOf(image: StateImage): State {
  if (image.version !== factsVersion) {
    throw new Error(
      `the snapshot has version ${image.version}, this scheduler reads ${factsVersion}`,
    );
  }
  // Its checksum was right and its version is ours: it is what imageOf wrote.
  const document = image.document as unknown as Document;
  const state = new State();
  state.nextLeaseId = document.nextLeaseId;
  state.latest = document.latest;
  for (const { setAt, number, probing, ...site } of document.sites) {
    // A guessed, declared or measured rate all come back as they were.
    applyNodeFact(state, { kind: 'siteSet', at: setAt, siteNumber: number, ...site });
    if (probing !== undefined) mustHave(state.sites[number], 'site', number).probing = probing;
  }
  for (const saved of document.nodes) addNode(state, wakeNode(state, saved));
  for (const saved of document.jobs) {
    const tasks = columnsOf(image, saved);
    addJob(state, {
      ...saved,
      // Not in the first snapshots.
      cancelledBecause: saved.cancelledBecause ?? null,
      waitsFor: saved.waitsFor ?? [],
      retryRequests: saved.retryRequests ?? [],
      replicas: saved.replicas ?? null,
      revisions: saved.revisions ?? null,
      template: completed(templateOf(image, saved)),
      ...{ tasks, running: 0, sending: 0, resultBytes: 0, resultCount: 0, leasesKept: 0 },
      ...{ holders: new Set<number>(), holderGhz: 0, chargedSites: new Set<number>() },
      sentOutputs: new Set(image.columns[sentOutputsOf(saved)] ?? []),
      backups: new Map<number, LeaseId>(),
    });
  }
  state.nextJobNumber = document.nextJobNumber;
  for (const token of document.tokens) {
    state.tokens.set(token.tokenId, token);
    state.tokenByHash.set(token.hash, token.tokenId);
  }
  if (document.rollouts !== undefined) wakeRollouts(state, document.rollouts);
  for (const job of state.jobs.values()) restoreLeases(state, job);
  for (const row of document.voidLeases) {
    const lease = restoreLease(state, row);
    if (lease !== null) leaveForce(state, lease);
  }
  for (const row of document.backups ?? []) {
    const lease = restoreLease(state, row);
    if (lease !== null)
      state.jobs.get(lease.jobNumber)?.backups.set(lease.taskIndex, lease.leaseId);
  }
  // After the leases, whose inputs are counted as if their nodes had nothing yet.
  for (const job of state.jobs.values()) {
    restoreHolders(state, image, job);
    restoreChargedSites(state, image, job);
  }
  // After the leases: what they use all the time is in it.
  for (const { name, settings, usage } of document.researchers ?? []) {
    const { rates = noRates } = usage;
    Object.assign(researcherOf(state, name), { settings, usage: { ...usage, rates } });
  }
  for (const job of state.jobs.values())
    if (job.state === 'active') state.jobsToCheck.add(job.number);
  return state;
}

/** Not in the first snapshots. */
function restoreHolders(state: State, image: StateImage, job: JobRecord): void {
  for (const number of image.columns[holdersOf(job)] ?? []) {
    addHolder(state, job, mustHave(state.nodes[number], 'node', number));
  }
}

/** Snapshots without them charged a site with the first lease of a node there. */
function restoreChargedSites({ nodes }: State, { columns }: StateImage, job: JobRecord): void {
  if (!isCharging(job)) return;
  const sitesOfHolders = (): readonly number[] =>
    [...job.holders].map((number) => mustHave(nodes[number], 'node', number).siteNumber);
  for (const site of columns[chargedSitesOf(job)] ?? sitesOfHolders()) job.chargedSites.add(site);
}

function wakeNode(state: State, saved: SavedNode): NodeRecord {
  const { siteId } = mustHave(state.sites[saved.siteNumber], 'site', saved.siteNumber);
  return {
    // Not in the first snapshots.
    ...enrolledSiting({ ...saved, siteId }),
    ...saved,
    // Not in the first snapshots.
    isDraining: saved.isDraining ?? false,
    slice: saved.slice ?? null,
    silentSince: saved.silentSince ?? instant(0),
    awayAt: saved.awayAt ?? instant(0),
    awayBeforeAt: saved.awayBeforeAt ?? instant(0),
    ...{ sight: null, lanAskedAt: instant(0), lanTries: 0 },
    sequence: 0,
    newsUntil: instant(0),
    lastHeardAt: instant(0),
    watchedSince: instant(0),
    status: null,
    closesAt: null,
    pendingWorkGhzSeconds: 0,
    leases: noLeases,
    programs: noPrograms,
    sending: 0,
    serving: 0,
    consecutiveFailures: 0,
    restsUntil: instant(0),
    keeper: null,
    allottedBytes: 0,
  };
}

function templateOf(image: StateImage, { number, template }: SavedJob): JobTemplate {
  const inputBytes = image.columns[inputBytesOf({ number })];
  // The first snapshots had them in the template itself.
  return inputBytes === undefined ? template : { ...template, taskInputBytes: [...inputBytes] };
}

function columnsOf(image: StateImage, job: SavedJob): TaskColumns {
  const blank = makeTaskColumns(job.template.taskCount);
  for (const name of columnNames) {
    const stored = mustHave(
      image.columns[`${job.number}.${name}`],
      `column ${name} of ${job.jobId}`,
    );
    const target = blank[name];
    if (stored.length !== target.length) {
      throw new Error(`column ${name} of job ${job.jobId} has ${stored.length} values`);
    }
    target.set(stored);
  }
  return blank;
}

function restoreLeases(state: State, job: JobRecord): void {
  const leased = stateCode('leased');
  for (let taskIndex = 0; taskIndex < job.template.taskCount; taskIndex += 1) {
    if (job.tasks.state[taskIndex] !== leased) continue;
    addLease(state, job, {
      leaseId: leaseId(job.tasks.lease[taskIndex] ?? 0),
      taskIndex,
      nodeNumber: job.tasks.node[taskIndex] ?? -1,
      at: instant(job.tasks.leasedAt[taskIndex] ?? 0),
    });
  }
}

function restoreLease(state: State, row: readonly number[]): LeaseRecord | null {
  const [id = 0, jobNumber = -1, taskIndex = -1, nodeNumber = -1, grantedAt = 0] = row;
  const job = state.jobs.get(jobNumber);
  if (job === undefined) return null;
  const at = instant(grantedAt);
  return addLease(state, job, { leaseId: leaseId(id), taskIndex, nodeNumber, at });
}

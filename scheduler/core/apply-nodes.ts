// How facts about sites and nodes change the state.

import type { KeptOutputs } from './kept.ts';
import { knownKept, lookForKept } from './kept.ts';
import { endBatchesOf, leaveExchanges } from './distribution/apply-exchanges.ts';
import type { Fact } from './facts.ts';
import { lookAtNode, lookAtSite, nodeChanged, siteOf, slotsOf } from './leases.ts';
import { longSilenceMs, otherDayMs } from './rollout/limits.ts';
import { joinGroup } from './sites/apply-sites.ts';
import { notProbed } from './probes/probing.ts';
import { addCapacity, sumCpu } from './sites/capacity.ts';
import { enrolledSiting } from './sites/siting.ts';
import { newsEveryMs } from './limits.ts';
import type { Instant } from './model/ids.ts';
import { instant } from './model/ids.ts';
import { noRates } from './model/service.ts';
import type { NodeRecord, SiteRecord, State } from './state.ts';
import { mustHave, noLeases, noPrograms } from './state.ts';

type NodeFact = Extract<
  Fact,
  {
    readonly kind:
      | 'siteSet'
      | 'nodeEnrolled'
      | 'sliceGiven'
      | 'nodeInventoryChanged'
      | 'nodeInstanceChanged'
      | 'nodeHealthChanged'
      | 'nodesDrained'
      | 'nodeHeard'
      | 'nodesHeard'
      | 'watchStarted'
      | 'nodeRested'
      | 'nodeAllotted';
  }
>;

export function applyNodeFact(state: State, fact: NodeFact): void {
  if (fact.kind === 'siteSet') return setSite(state, fact);
  if (fact.kind === 'nodeEnrolled') return enrol(state, fact);
  if (fact.kind === 'nodesDrained') return drain(state, fact);
  if (fact.kind === 'nodesHeard') return heard(state, fact);
  const node = mustHave(state.nodes[fact.nodeNumber], 'node', fact.nodeNumber);
  switch (fact.kind) {
    case 'nodeInventoryChanged':
      node.inventory = fact.inventory;
      countNews(node, fact.at);
      sumCpu(state, siteOf(state, node));
      break;
    case 'nodeInstanceChanged':
      node.instanceNumber = fact.instanceNumber;
      node.instanceId = fact.instanceId;
      node.sequence = 0;
      node.instanceSince = fact.at;
      endBatchesOf(state, node);
      countNews(node, fact.at);
      break;
    case 'nodeHealthChanged':
      node.health = fact.health;
      noteSilence(node, fact);
      if (fact.health === 'healthy') lookForKept(state);
      if (fact.health === 'suspect') endBatchesOf(state, node);
      else if (fact.health !== 'healthy') leaveExchanges(state, node);
      sumCpu(state, siteOf(state, node));
      break;
    case 'nodeHeard': {
      const isFirst = node.lastHeardAt === 0;
      const isNews = isFirst || fact.status !== null;
      speaks(state, node, fact);
      if (fact.keeper !== undefined) tellsKept(state, node, fact.keeper);
      if (fact.status !== null) {
        const slots = slotsOf(node);
        node.status = fact.status;
        const { hoursLeftMs } = fact.status;
        node.closesAt = hoursLeftMs === null ? null : instant(fact.at + hoursLeftMs);
        if (slotsOf(node) !== slots) sumCpu(state, siteOf(state, node));
      }
      // That it speaks changes nothing of what it may be given.
      if (!isNews) return;
      if (isFirst) lookForKept(state);
      break;
    }
    case 'sliceGiven':
      node.slice = fact.slice;
      return;
    case 'nodeAllotted':
      node.allottedBytes = fact.bytes;
      return;
    case 'watchStarted':
      node.watchedSince = fact.at;
      return;
    case 'nodeRested':
      node.restsUntil = instant(0);
      break;
  }
  state.deadlines.changed(state, node);
  lookAtNode(state, node);
}

function countNews(node: NodeRecord, at: Instant): void {
  node.newsUntil = instant(Math.max(node.newsUntil, at) + newsEveryMs);
}

function heard(
  state: State,
  { nodeNumbers, sequences, at }: Extract<NodeFact, { kind: 'nodesHeard' }>,
): void {
  for (const [place, number] of nodeNumbers.entries()) {
    const node = mustHave(state.nodes[number], 'node', number);
    speaks(state, node, { at, sequence: sequences[place] ?? 0 });
  }
}

function speaks(
  state: State,
  node: NodeRecord,
  { at, sequence }: { readonly at: Instant; readonly sequence: number },
): void {
  node.lastHeardAt = instant(Math.max(node.lastHeardAt, at));
  node.sequence = Math.max(node.sequence, sequence);
  state.deadlines.changed(state, node);
}

function drain(state: State, fact: Extract<NodeFact, { kind: 'nodesDrained' }>): void {
  for (const number of fact.nodeNumbers) {
    const node = mustHave(state.nodes[number], 'node', number);
    node.isDraining = fact.isDraining;
    lookAtNode(state, node);
  }
}

function setSite(state: State, fact: Extract<NodeFact, { kind: 'siteSet' }>): void {
  const known = state.sites[fact.siteNumber];
  if (known !== undefined) {
    addCapacity(state, known, -1);
    known.downBps = fact.downBps;
    known.upBps = fact.upBps;
    known.source = fact.source;
    known.share = fact.share;
    known.setAt = fact.ratesAt ?? fact.at;
    addCapacity(state, known, 1);
    lookAtSite(state, known);
    return;
  }
  const site: SiteRecord = {
    number: fact.siteNumber,
    siteId: fact.siteId,
    downBps: fact.downBps,
    upBps: fact.upBps,
    source: fact.source,
    share: fact.share,
    setAt: fact.at,
    probing: notProbed,
    nodeNumbers: [],
    cpuGhz: 0,
    pendingWorkGhzSeconds: 0,
    pendingDownBytes: 0,
    exchangeBytes: 0,
    pendingUpBytes: 0,
    incoming: 0,
    outgoing: 0,
    serving: noRates,
    tunnelDownBytes: 0,
    tunnelUpBytes: 0,
    lanes: {
      down: { queue: new Map(), active: new Map(), batches: new Map() },
      up: { queue: new Map(), active: new Map(), batches: new Map() },
    },
    relaysTo: new Set(),
  };
  state.sites[site.number] = site;
  state.siteById.set(site.siteId, site);
}

/** What it had let go, and keeps again, is there for tasks that wait for it. */
function tellsKept(state: State, node: NodeRecord, told: KeptOutputs): void {
  const isBack = node.keeper?.letGo.some((id) => told.jobIds.includes(id)) ?? false;
  node.keeper = knownKept(state, node, told);
  if (isBack) lookForKept(state);
}

/** Minutes are a dropped line; a node that was off for longer on two days is likely to be off again. */
function noteSilence(
  node: NodeRecord,
  { at, health }: Extract<NodeFact, { kind: 'nodeHealthChanged' }>,
): void {
  if (health !== 'healthy') {
    if (node.silentSince === 0) node.silentSince = at;
    return;
  }
  const wasAway = node.silentSince > 0 && at - node.silentSince >= longSilenceMs;
  node.silentSince = instant(0);
  // Of one day the first counts: a power cut may come and go.
  if (!wasAway || (node.awayAt > 0 && at - node.awayAt < otherDayMs)) return;
  node.awayBeforeAt = node.awayAt;
  node.awayAt = at;
}

function enrol(state: State, fact: Extract<NodeFact, { kind: 'nodeEnrolled' }>): void {
  const { siteId } = mustHave(state.sites[fact.siteNumber], 'site', fact.siteNumber);
  const node: NodeRecord = {
    number: fact.nodeNumber,
    nodeId: fact.nodeId,
    name: fact.name,
    ...enrolledSiting({ ...fact, siteId }),
    natsPublicKey: fact.natsPublicKey,
    requestId: fact.requestId,
    tokenId: fact.tokenId,
    enrolledAt: fact.at,
    slice: null,
    inventory: fact.inventory,
    health: 'new',
    isDraining: false,
    instanceNumber: 0,
    instanceId: '',
    instanceSince: instant(0),
    tasksSucceeded: 0,
    tasksFailed: 0,
    ...{ silentSince: instant(0), awayAt: instant(0), awayBeforeAt: instant(0) },
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
  addNode(state, node);
}

/** Puts a node, new or from a snapshot, into the state's indexes. */
export function addNode(state: State, node: NodeRecord): void {
  state.nodes[node.number] = node;
  state.nodeById.set(node.nodeId, node);
  const site = siteOf(state, node);
  site.nodeNumbers.push(node.number);
  joinGroup(state, node);
  sumCpu(state, site);
  state.deadlines.changed(state, node);
  nodeChanged(state, node);
}

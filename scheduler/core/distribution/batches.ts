// Which chunks which node brings next over its site's uplink.

import { hasChunk } from '../../../proto/bitmap.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { slotAwaits } from '../transfers/order.ts';
import type { Batch, Exchange, Member, Runs } from './exchange.ts';
import { chunkBytesOf } from './exchange.ts';
import {
  batchGraceMs,
  batchMs,
  batchLeast,
  batchMost,
  batchPatience,
  batchSilentPart,
  batchUntried,
  batchesLeft,
  batchesOfNode,
  foreignBesideBytes,
  foreignBps,
  opensSilentMs,
  opensWithinMs,
  runsPerBatch,
  unfoundAfterMs,
  unspreadAfterMs,
} from './limits.ts';

/** Chunks for one node to bring. */
export interface NextBatch {
  readonly exchange: Exchange;
  readonly nodeNumber: number;
  readonly runs: Runs;
  readonly chunks: number;
}

/** What exchanges of a site would have brought now: urgent ones first, then small ones. */
export function siteBatches(
  state: State,
  site: SiteRecord,
  about: { readonly now: Instant; readonly places: number },
): { readonly awaited: readonly NextBatch[]; readonly others: readonly NextBatch[] } {
  const awaited: NextBatch[] = [];
  const others: NextBatch[] = [];
  const packages: NextBatch[] = [];
  const lacking = [...(state.exchanges.bySite.get(site.number)?.values() ?? [])].filter(
    (exchange) => exchange.idleSince === null && mayLack(exchange),
  );
  if (lacking.length === 0) return { awaited, others };
  const priorityOf = ({ sha256 }: Exchange): number =>
    state.exchanges.wanted.get(sha256)?.priority ?? 0;
  const inOrder = lacking.toSorted(
    (one, other) =>
      priorityOf(other) - priorityOf(one) ||
      one.sizeBytes - other.sizeBytes ||
      (one.sha256 < other.sha256 ? -1 : 1),
  );
  for (const exchange of inOrder) {
    const next = nextBatches(state, exchange, about);
    if (next.length === 0) continue;
    if (exchange.isForeign) packages.push(...next);
    else (isAwaited(state, exchange) ? awaited : others).push(...next);
  }
  // Somebody stands before the machine and waits; but nobody declared them, so that they get one place for sure.
  const first = packages.slice(0, hasPackage(state, site) ? 0 : 1);
  const beside = packages.slice(first.length).filter(({ exchange }) => isSmall(exchange));
  return { awaited: [...first, ...awaited], others: [...beside, ...others] };
}

/** Whether a package comes over its line now. */
function hasPackage(state: State, { number, lanes }: SiteRecord): boolean {
  for (const { sha256 } of lanes.down.batches.values()) {
    if (state.exchanges.of(number, sha256)?.isForeign === true) return true;
  }
  return false;
}

function isSmall({ sizeBytes }: Exchange): boolean {
  return sizeBytes <= foreignBesideBytes;
}

/** What one exchange would have brought now, for as many nodes, and by which. */
function nextBatches(
  state: State,
  exchange: Exchange,
  { now, places }: { readonly now: Instant; readonly places: number },
): readonly NextBatch[] {
  if (now < exchange.startsAt) return [];
  const site = mustHave(state.sites[exchange.siteNumber], 'site', exchange.siteNumber);
  const busy = carriersOf(site, exchange);
  const taken = new Set<number>();
  const batches: NextBatch[] = [];
  let isAnyFree = true;
  const isSettling = isUnsettled(state, exchange, now);
  const able = ableMembers(state, exchange, busy);
  const served = able.filter(({ port }) => port !== 0);
  const isAnyAwake = able.some(({ restsUntil }) => restsUntil <= now);
  for (const member of volunteers({ able, served }, busy)) {
    if (batches.length === places) break;
    if (isAnyAwake && member.restsUntil > now) continue;
    if (isSettling && member.isOpen) continue;
    // Where one has found nothing, a thousand others need not look through all chunks.
    if (!isAnyFree && member.unfound.length === 0) continue;
    if (exchange.isForeign && isResting(state, member, now)) continue;
    const size = isUntried(served, member) ? batchUntried : batchSize(site, exchange);
    const most = Math.min(member.room, size);
    const next = pick(exchange, { state, member, most, taken, now });
    isAnyFree = next.chunks > 0;
    if (isAnyFree) batches.push({ exchange, nodeNumber: member.nodeNumber, ...next });
  }
  return batches;
}

/** Whether some member of an update may still tell that it has what is missing. */
function isUnsettled(state: State, exchange: Exchange, now: Instant): boolean {
  // One that joins again and again would stop all others.
  if (!exchange.isUpdate || now - exchange.openedAt >= opensWithinMs) return false;
  for (const member of exchange.members.values()) {
    if (!member.isOpen && isHeard(state.nodes[member.nodeNumber]) && isOpening(member, now))
      return true;
  }
  return false;
}

/** It speaks after twice the time each time; who has missed that has no power. */
function isOpening({ joinedAt, heardAt }: Member, now: Instant): boolean {
  return now - heardAt < heardAt - joinedAt + opensSilentMs;
}

/** Whether there may be something to bring. */
export function mayLack(exchange: Exchange): boolean {
  if (exchange.missing > 0) return true;
  for (const { unfound } of exchange.members.values()) if (unfound.length > 0) return true;
  return false;
}

/** After that the chunks are not the node's any more. */
export function batchUntil(site: SiteRecord, next: NextBatch, now: Instant): Instant {
  const bits = 8 * next.chunks * chunkBytesOf(next.exchange);
  const lineBps = site.share * site.downBps;
  const bps = next.exchange.isForeign ? Math.min(lineBps, foreignBps) : lineBps;
  const fairMs = (1000 * 2 * bits) / bps;
  return instant(now + Math.ceil(batchPatience * fairMs + batchGraceMs));
}

/** Whether a slot of one of its members has nothing to do until the blob is there. */
function isAwaited(state: State, { members, sha256 }: Exchange): boolean {
  for (const { nodeNumber } of members.values()) {
    const node = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
    for (const { jobNumber, leaseId, phase } of node.leases) {
      const template = state.jobs.get(jobNumber)?.template;
      if (template === undefined || (phase !== 'granted' && phase !== 'held')) continue;
      const isOfJob = [...template.bundles, ...template.sharedInputs].some(
        (blob) => blob.sha256 === sha256,
      );
      if (isOfJob && slotAwaits(state, { leaseId, sizeBytes: 0 })) return true;
    }
  }
  return false;
}

/** How many batches of the blob each node brings. */
function carriersOf(site: SiteRecord, exchange: Exchange): ReadonlyMap<number, number> {
  const busy = new Map<number, number>();
  for (const { sha256, nodeNumber } of site.lanes.down.batches.values()) {
    if (sha256 === exchange.sha256) busy.set(nodeNumber, (busy.get(nodeNumber) ?? 0) + 1);
  }
  return busy;
}

/** Those that would bring something, or do. */
function ableMembers(
  state: State,
  { members, chunkCount }: Exchange,
  busy: ReadonlyMap<number, number>,
): readonly Member[] {
  const able: Member[] = [];
  for (const member of members.values()) {
    const { nodeNumber, heldChunks, room } = member;
    if (heldChunks === chunkCount || !isHeard(state.nodes[nodeNumber])) continue;
    if (room > 0 || busy.has(nodeNumber)) able.push(member);
  }
  return able;
}

/** Those that have room: who let no lease lapse and was missed by nobody first, then who brings nothing yet, then those whose chunks others have, and in turn. */
function volunteers(
  { able, served }: Record<'able' | 'served', readonly Member[]>,
  busy: ReadonlyMap<number, number>,
): readonly Member[] {
  const found = able.filter((member) => {
    const most = isUntried(served, member) ? 1 : batchesOfNode;
    return member.room > 0 && (busy.get(member.nodeNumber) ?? 0) < most;
  });
  return found.toSorted(
    (one, other) =>
      one.lapses + one.missed - other.lapses - other.missed ||
      (busy.get(one.nodeNumber) ?? 0) - (busy.get(other.nodeNumber) ?? 0) ||
      Number(one.passedOn === 0) - Number(other.passedOn === 0) ||
      Number(one.port === 0) - Number(other.port === 0) ||
      one.leasedAt - other.leasedAt ||
      one.nodeNumber - other.nodeNumber,
  );
}

/** Nobody has told of a chunk that it brought: it may give wrong bytes, or go. Where no other one that can be reached would bring any there is
 * no choice. */
function isUntried(served: readonly Member[], { passedOn, port }: Member): boolean {
  return passedOn === 0 && served.length > (port === 0 ? 0 : 1);
}

function isHeard(node: NodeRecord | undefined): boolean {
  return node?.health === 'healthy';
}

/** It let the lease of a package lapse. */
function isResting({ exchanges }: State, { nodeNumber }: Member, now: Instant): boolean {
  return (exchanges.restUntil.get(nodeNumber) ?? 0) > now;
}

/** Small enough that little is lost with a node, and that several bring the last ones together. */
export function batchSize({ share, downBps }: SiteRecord, exchange: Exchange): number {
  const bytes = ((share * downBps) / 8) * (batchMs / 1000);
  const ofLine = Math.ceil(bytes / chunkBytesOf(exchange));
  const part = Math.ceil(exchange.missing / batchesLeft);
  return Math.max(batchLeast, Math.min(batchMost, ofLine, part));
}

interface Picking {
  readonly state: State;
  readonly member: Member;
  readonly most: number;
  /** By members before this one. */
  readonly taken: Set<number>;
  readonly now: Instant;
}

function pick(
  exchange: Exchange,
  { state, member, most, taken, now }: Picking,
): { readonly runs: Runs; readonly chunks: number } {
  const runs: number[] = [];
  let chunks = 0;
  for (let at = 0; at < exchange.chunkCount && chunks < most; at += 1) {
    if (taken.has(at) || !isFor(exchange, { state, member, at, now })) continue;
    const isNextToLast = runs.at(-1) === at;
    if (!isNextToLast && runs.length === 2 * runsPerBatch) break;
    if (isNextToLast) runs[runs.length - 1] = at + 1;
    else runs.push(at, at + 1);
    taken.add(at);
    chunks += 1;
  }
  return { runs, chunks };
}

/** A chunk that nobody holds or brings; or that this one finds nowhere, though it was said to be there. */
function isFor(
  exchange: Exchange,
  { state, member, at, now }: Omit<Picking, 'most' | 'taken'> & { readonly at: number },
): boolean {
  if ((exchange.batchOf[at] ?? 0) !== 0) return false;
  if ((exchange.copies[at] ?? 0) === 0) return true;
  // It may say so of anything; of what nobody holds there is no choice.
  if (member.restsUntil > now) return false;
  if (!hasChunk(member.unfound, at) || hasChunk(member.held, at)) return false;
  const saidAt = exchange.saidAt[at] ?? 0;
  // What it found nowhere before the chunk came here is no news.
  if (member.heardAt < saidAt) return false;
  // When all is here the line is idle: nothing is won by patience.
  const isDue = exchange.missing === 0 || isDoubtful(state, exchange, { at, now });
  return now - saidAt >= (isDue ? unfoundAfterMs : unspreadAfterMs);
}

/** Nobody here brought it, or who did may lie or have gone: others had no chunk from there, or it let a lease lie just now. */
function isDoubtful(
  state: State,
  { members, broughtBy }: Exchange,
  { at, now }: Pick<Picking, 'now'> & { readonly at: number },
): boolean {
  const carrier = members.get((broughtBy[at] ?? 0) - 1);
  if (carrier === undefined || carrier.passedOn === 0 || carrier.restsUntil > now) return true;
  return !isHeard(state.nodes[carrier.nodeNumber]);
}

/** Batches of a site that have not come by now, or whose nodes have gone. */
export function lapsed(state: State, site: SiteRecord, now: Instant): readonly Batch[] {
  return [...site.lanes.down.batches.values()].filter(
    (batch) =>
      batch.until <= now || isSilent(state.exchanges.of(site.number, batch.sha256), batch, now),
  );
}

/** Whether others were heard since it should have told how far it is, and it was not. */
function isSilent(exchange: Exchange | undefined, batch: Batch, now: Instant): boolean {
  const member = exchange?.members.get(batch.nodeNumber);
  if (exchange === undefined || member === undefined) return false;
  const saidAt = Math.max(member.heardAt, batch.leasedAt);
  // A moment without the bus must not cost what a package's lapse does.
  const leastMs = exchange.isForeign ? batchGraceMs : 0;
  const mostMs = Math.max(leastMs, batch.spanMs * batchSilentPart);
  return now - saidAt >= mostMs && exchange.heardAt - saidAt >= mostMs / 2;
}

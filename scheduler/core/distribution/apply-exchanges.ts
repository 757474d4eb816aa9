// How facts about exchanges change the state.

import { emptyBitmap, fullBitmap, hasChunk } from '../../../proto/bitmap.ts';
import type { Fact } from '../facts.ts';
import { bytesArrived, leaveDownBytes, lookAtSite } from '../leases.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import { ownBytesAt } from '../placement/estimate.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave, transfersUnderWay } from '../state.ts';
import { transfersAtATime } from '../limits.ts';
import { endBatch, lapse, lease } from './apply-batches.ts';
import { batchSize, batchUntil, mayLack } from './batches.ts';
import type { BlobPart, Exchange, Member } from './exchange.ts';
import { bitmapOf, chunkBytesOf } from './exchange.ts';
import { batchesOfNode, resumesWithinMs } from './limits.ts';
import { broughtBefore, isUnderWay } from './resume.ts';

type ExchangeFact = Extract<
  Fact,
  {
    readonly kind:
      | 'exchangeOpened'
      | 'exchangeClosed'
      | 'exchangeNeeded'
      | 'exchangeTold'
      | 'exchangesLookedAt'
      | 'blobPartHeard'
      | 'blobsWanted'
      | 'memberForgotten'
      | 'memberTold'
      | 'chunksLeased'
      | 'batchLapsed';
  }
>;

export function isExchangeFact(fact: Fact): fact is ExchangeFact {
  const { kind } = fact;
  if (kind === 'blobPartHeard' || kind === 'chunksLeased' || kind === 'batchLapsed') return true;
  if (kind === 'blobsWanted' || kind === 'memberForgotten' || kind === 'memberTold') return true;
  return kind.startsWith('exchange');
}

export function applyExchangeFact(state: State, fact: ExchangeFact): void {
  const { exchanges } = state;
  switch (fact.kind) {
    case 'exchangeOpened':
      return open(state, fact);
    case 'exchangesLookedAt':
      exchanges.lookedAt = fact.at;
      for (const [node, until] of exchanges.restUntil) {
        if (until <= fact.at) exchanges.restUntil.delete(node);
      }
      return lookAtLacking(state);
    case 'blobsWanted':
      exchanges.wanted = new Map(fact.blobs.map((blob) => [blob.sha256, blob]));
      return;
    case 'blobPartHeard':
      return hearPart(state, fact);
    case 'chunksLeased':
      lease(state, fact);
      return;
    case 'batchLapsed':
      return lapse(state, fact);
  }
  const exchange = exchanges.of(fact.siteNumber, fact.sha256);
  if (exchange === undefined) return;
  switch (fact.kind) {
    case 'exchangeClosed':
      return close(state, exchange);
    case 'exchangeNeeded':
      exchange.idleSince = fact.idleSince;
      exchange.isNews = true;
      return;
    case 'exchangeTold':
      exchange.isNews = false;
      return;
    case 'memberForgotten':
      return leave(state, exchange, fact.nodeNumber);
    case 'memberTold': {
      const member = exchange.members.get(fact.nodeNumber);
      if (member === undefined) return;
      member.told = fact.peers;
      member.isPinned = fact.isPinned;
      member.toldAt = fact.at;
    }
  }
}

/** It has gone from its site for good, or its copies can't be trusted. */
export function leaveExchanges(state: State, node: NodeRecord): void {
  for (const exchange of state.exchanges.bySite.get(node.siteNumber)?.values() ?? []) {
    leave(state, exchange, node.number);
  }
}

/** It is silent, or has started anew: what it was to bring is free, what it holds may still be there. */
export function endBatchesOf(state: State, node: NodeRecord): void {
  const site = mustHave(state.sites[node.siteNumber], 'site', node.siteNumber);
  for (const batch of site.lanes.down.batches.values()) {
    if (batch.nodeNumber === node.number) endBatch(state, site, batch);
  }
  for (const { members } of state.exchanges.bySite.get(site.number)?.values() ?? []) {
    const member = members.get(node.number);
    if (member !== undefined) member.room = 0;
  }
}

/** With time alone a chunk becomes one that a member finds nowhere. */
function lookAtLacking({ exchanges, sitesToGrant }: State): void {
  for (const [siteNumber, ofSite] of exchanges.bySite) {
    for (const exchange of ofSite.values()) if (mayLack(exchange)) sitesToGrant.add(siteNumber);
  }
}

function open(state: State, fact: Extract<ExchangeFact, { kind: 'exchangeOpened' }>): void {
  const { siteNumber, sha256, sizeBytes, chunkCount, isForeign, isUpdate } = fact;
  const ofSite: Map<Exchange['sha256'], Exchange> =
    state.exchanges.bySite.get(siteNumber) ?? new Map();
  state.exchanges.bySite.set(siteNumber, ofSite);
  if (ofSite.has(sha256)) return;
  if (isForeign) state.exchanges.foreignOpen += 1;
  ofSite.set(sha256, {
    ...{ siteNumber, sha256, sizeBytes, chunkCount, isForeign, isUpdate },
    openedAt: fact.at,
    startsAt: fact.at,
    members: new Map(),
    copies: new Uint16Array(chunkCount),
    batchOf: new Uint32Array(chunkCount),
    saidAt: new Float64Array(chunkCount),
    broughtBy: new Uint32Array(chunkCount),
    missing: chunkCount,
    heardAt: fact.at,
    idleSince: null,
    isNews: false,
    wasLeased: new Uint8Array(chunkCount),
    leasedBytes: 0,
  });
}

function close(state: State, exchange: Exchange): void {
  for (const nodeNumber of exchange.members.keys()) leave(state, exchange, nodeNumber);
  const ofSite = state.exchanges.bySite.get(exchange.siteNumber);
  ofSite?.delete(exchange.sha256);
  if (exchange.isForeign) state.exchanges.foreignOpen -= 1;
  if (ofSite?.size === 0) state.exchanges.bySite.delete(exchange.siteNumber);
}

type HeardPart = Extract<ExchangeFact, { kind: 'blobPartHeard' }>;

function hearPart(state: State, fact: HeardPart): void {
  const { at, nodeNumber, part } = fact;
  const { siteNumber } = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  const exchange = state.exchanges.of(siteNumber, part.sha256);
  if (exchange === undefined) return;
  if (part.hasLeft) return leave(state, exchange, nodeNumber);
  const resumedAt = instant(exchange.openedAt + resumesWithinMs);
  if (at < resumedAt && isUnderWay(exchange, part)) exchange.startsAt = resumedAt;
  const member = exchange.members.get(nodeNumber) ?? join(state, exchange, { nodeNumber, at });
  const { chunkCount } = exchange;
  const wasWhole = member.heldChunks === chunkCount;
  const held = part.isWhole ? fullBitmap(chunkCount) : bitmapOf(part.held, chunkCount);
  takeHeld(state, exchange, { member, held, at });
  listen(exchange, member, { part, at });
  if (at < exchange.startsAt) takeUp(state, exchange, fact);
  if (wasWhole !== (member.heldChunks === chunkCount)) exchange.isNews = true;
  sumMissing(state, siteNumber);
  state.sitesToGrant.add(siteNumber);
}

/**
 * What the node was leased before the scheduler started anew is its lease now, as far as the line has places; but nobody knows whether it was, so
 * that an honest one shows soon that it is in the middle of it. A package is brought twice rather: any node can name some.
 */
function takeUp(state: State, exchange: Exchange, { at, nodeNumber, part }: HeardPart): void {
  const { siteNumber, sha256, isForeign } = exchange;
  const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
  if (isForeign || transfersUnderWay(site.lanes.down) >= transfersAtATime) return;
  const most = batchesOfNode * batchSize(site, exchange);
  const { runs, chunks } = broughtBefore(exchange, part, most);
  if (chunks === 0) return;
  const until = batchUntil(site, { exchange, nodeNumber, runs, chunks }, at);
  const batch = lease(state, { at, siteNumber, sha256, nodeNumber, runs, until });
  batch.until = batchUntil(site, { exchange, nodeNumber, runs, chunks: 1 }, at);
}

function join(
  state: State,
  exchange: Exchange,
  { nodeNumber, at }: { readonly nodeNumber: number; readonly at: Instant },
): Member {
  const { siteNumber, sha256, chunkCount } = exchange;
  const member: Member = {
    nodeNumber,
    held: emptyBitmap(chunkCount),
    heldChunks: 0,
    unfound: new Uint8Array(0),
    isOpen: false,
    joinedAt: at,
    ...{ room: 0, address: '', port: 0, heardAt: instant(0), leasedAt: instant(0) },
    ...{ lapses: 0, missed: 0, restsUntil: instant(0), passedOn: 0 },
    ...{ told: null, isPinned: false, toldAt: instant(0), gainedAt: instant(0) },
  };
  exchange.members.set(nodeNumber, member);
  shareBytes(state, exchange, nodeNumber);
  state.exchanges.newcomers.push({ siteNumber, sha256, nodeNumber });
  exchange.isNews = true;
  return member;
}

/** What its leases were to fetch for themselves comes by the exchange, whose chunks the site counts. */
function shareBytes(state: State, { sha256, sizeBytes }: Exchange, nodeNumber: number): void {
  const node = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  for (const lease of node.leases) {
    const template = state.jobs.get(lease.jobNumber)?.template;
    const blobs = [...(template?.bundles ?? []), ...(template?.sharedInputs ?? [])];
    if (lease.downBytes === 0 || !blobs.some((blob) => blob.sha256 === sha256)) continue;
    const own =
      template === undefined ? 0 : ownBytesAt({ template }, lease.taskIndex, node.siteNumber);
    const bytes = Math.min(sizeBytes, Math.max(0, lease.downBytes - own));
    if (bytes === lease.downBytes) {
      bytesArrived(state, lease);
      continue;
    }
    leaveDownBytes(state, lease, lease.downBytes - bytes);
  }
}

/** Each missing chunk of each exchange counts once at the site; packages do not, since nobody but nodes says that they are. */
function sumMissing(state: State, siteNumber: number): void {
  const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
  let bytes = 0;
  for (const exchange of state.exchanges.bySite.get(siteNumber)?.values() ?? []) {
    if (!exchange.isForeign && exchange.members.size > 0)
      bytes += exchange.missing * chunkBytesOf(exchange);
  }
  if (bytes < site.exchangeBytes) lookAtSite(state, site);
  site.exchangeBytes = bytes;
}

function listen(
  exchange: Exchange,
  member: Member,
  { part, at }: { readonly part: BlobPart; readonly at: Instant },
): void {
  const { address, port, room, unfound } = part;
  if (address !== member.address || port !== member.port) exchange.isNews = true;
  member.address = address;
  member.port = port;
  member.room = room;
  member.isOpen ||= part.isWhole || part.held.length > 0;
  const isSome = unfound.some((byte) => byte !== 0);
  member.unfound = isSome ? bitmapOf(unfound, exchange.chunkCount) : new Uint8Array(0);
  member.heardAt = at;
  exchange.heardAt = at;
}

/** Looks at bytes of the bitmap that have changed only: a node tells of hundreds of chunks again and again. */
function takeHeld(
  state: State,
  exchange: Exchange,
  {
    member,
    held,
    at,
  }: { readonly member: Member; readonly held: Uint8Array; readonly at: Instant },
): void {
  for (let place = 0; place < held.length; place += 1) {
    const now = held[place] ?? 0;
    const changed = now ^ (member.held[place] ?? 0);
    if (changed === 0) continue;
    for (let bit = 0; bit < 8; bit += 1) {
      if ((changed & (1 << bit)) === 0) continue;
      const chunk = place * 8 + bit;
      if ((now & (1 << bit)) === 0) lose(exchange, member, chunk);
      else gain(state, exchange, { member, chunk, at });
    }
    member.held[place] = now;
  }
}

function gain(
  state: State,
  exchange: Exchange,
  { member, chunk, at }: { readonly member: Member; readonly chunk: number; readonly at: Instant },
): void {
  const { copies, batchOf, saidAt, broughtBy } = exchange;
  const before = copies[chunk] ?? 0;
  copies[chunk] = before + 1;
  member.heldChunks += 1;
  member.gainedAt = at;
  if (before === 0) {
    exchange.missing -= 1;
    saidAt[chunk] = at;
  }
  const site = mustHave(state.sites[exchange.siteNumber], 'site', exchange.siteNumber);
  const batch = site.lanes.down.batches.get(batchOf[chunk] ?? 0);
  if (batch?.nodeNumber !== member.nodeNumber) {
    // Of a chunk that is brought again nobody knows whose the copy is: the first may lie, and the second.
    if (batch === undefined) passOn(exchange, member, (broughtBy[chunk] ?? 0) - 1);
    else if (before === 0) passOn(exchange, member, batch.nodeNumber);
    return;
  }
  saidAt[chunk] = at;
  broughtBy[chunk] = member.nodeNumber + 1;
  batchOf[chunk] = 0;
  batch.left -= 1;
  batch.until = instant(Math.max(batch.until, Math.min(at + batch.spanMs, batch.atMost)));
  if (batch.left === 0) endBatch(state, site, batch);
}

/** The member has a chunk of that node, whose lapses weigh less with it. What others missed stays in its order: two that lie would come first again. */
function passOn({ members }: Exchange, member: Member, from: number): void {
  const carrier = members.get(from);
  if (carrier === undefined || carrier === member) return;
  carrier.passedOn += 1;
  carrier.lapses = Math.max(0, carrier.lapses - 1);
}

function lose(exchange: Exchange, member: Member, chunk: number): void {
  const before = exchange.copies[chunk] ?? 0;
  exchange.copies[chunk] = before - 1;
  member.heldChunks -= 1;
  if (before === 1) exchange.missing += 1;
}

function leave(state: State, exchange: Exchange, nodeNumber: number): void {
  const member = exchange.members.get(nodeNumber);
  if (member === undefined) return;
  for (let chunk = 0; chunk < exchange.chunkCount; chunk += 1) {
    if (hasChunk(member.held, chunk)) lose(exchange, member, chunk);
  }
  const site = mustHave(state.sites[exchange.siteNumber], 'site', exchange.siteNumber);
  for (const batch of site.lanes.down.batches.values()) {
    const isIts = batch.nodeNumber === nodeNumber && batch.sha256 === exchange.sha256;
    if (isIts) endBatch(state, site, batch);
  }
  exchange.members.delete(nodeNumber);
  exchange.isNews = true;
  sumMissing(state, site.number);
  state.sitesToGrant.add(site.number);
}

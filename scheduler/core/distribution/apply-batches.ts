// How leases for chunks begin and end in the state.

import type { Fact } from '../facts.ts';
import { placeFreed } from '../leases.ts';
import { instant } from '../model/ids.ts';
import type { SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Batch, Exchange } from './exchange.ts';
import { chunkBytesOf, chunksOf } from './exchange.ts';
import { batchSpans, foreignRestMs, restMostMs, restMs } from './limits.ts';

export function lease(
  state: State,
  fact: Omit<Extract<Fact, { kind: 'chunksLeased' }>, 'kind'>,
): Batch {
  const { siteNumber, sha256, nodeNumber, runs, until } = fact;
  const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
  const exchange = mustHave(state.exchanges.of(siteNumber, sha256), 'exchange');
  const member = mustHave(exchange.members.get(nodeNumber), 'member', nodeNumber);
  const number = state.exchanges.nextBatch;
  state.exchanges.nextBatch += 1;
  let left = 0;
  for (const chunk of chunksOf(runs)) {
    exchange.batchOf[chunk] = number;
    left += 1;
    if (exchange.wasLeased[chunk] === 1) state.exchanges.againBytes += chunkBytesOf(exchange);
    else state.exchanges.firstBytes += chunkBytesOf(exchange);
    exchange.wasLeased[chunk] = 1;
    if ((exchange.copies[chunk] ?? 0) > 0) missUnfound(state, exchange, chunk);
  }
  exchange.leasedBytes += left * chunkBytesOf(exchange);
  const spanMs = until - fact.at;
  const atMost = instant(fact.at + batchSpans * spanMs);
  const leasedAt = fact.at;
  const batch = { number, sha256, nodeNumber, runs, left, leasedAt, until, spanMs, atMost };
  site.lanes.down.batches.set(number, batch);
  member.room = Math.max(0, member.room - left);
  member.leasedAt = fact.at;
  state.sitesMoving.add(siteNumber);
  return batch;
}

/** Who asks for chunks, or names a package, and does not bring it could keep the line's place with one after another. */
export function lapse(
  state: State,
  { at, siteNumber, number }: Extract<Fact, { kind: 'batchLapsed' }>,
): void {
  const { exchanges } = state;
  const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
  const batch = site.lanes.down.batches.get(number);
  if (batch === undefined) return;
  const exchange = exchanges.of(siteNumber, batch.sha256);
  const lazy = exchange?.members.get(batch.nodeNumber);
  if (lazy !== undefined) {
    lazy.lapses += 1;
    lazy.restsUntil = instant(at + Math.min(restMs * 2 ** (lazy.lapses - 1), restMostMs));
    // One that lives asks for more.
    lazy.room = 0;
  }
  if (exchange?.isForeign === true) {
    exchanges.restUntil.set(batch.nodeNumber, instant(at + foreignRestMs));
  }
  endBatch(state, site, batch);
}

/** Others go before who brought it: its bytes may be wrong, or nobody reaches it. Nothing else follows: whoever says so may lie. */
function missUnfound({ exchanges }: State, { members, broughtBy }: Exchange, chunk: number): void {
  exchanges.unfoundChunks += 1;
  const carrier = members.get((broughtBy[chunk] ?? 0) - 1);
  if (carrier !== undefined) carrier.missed += 1;
}

export function endBatch(state: State, site: SiteRecord, batch: Batch): void {
  site.lanes.down.batches.delete(batch.number);
  placeFreed(state, site);
  const exchange = state.exchanges.of(site.number, batch.sha256);
  if (exchange === undefined) return;
  for (const chunk of chunksOf(batch.runs)) {
    if (exchange.batchOf[chunk] === batch.number) exchange.batchOf[chunk] = 0;
  }
}

// What time does to exchanges: leases for chunks lapse, blobs are needed no more, nodes have forgotten them.

import type { Instant, Sha256 } from '../model/ids.ts';
import type { State } from '../state.ts';
import { mustHave } from '../state.ts';
import { lapsed } from './batches.ts';
import type { Exchange, Member } from './exchange.ts';
import {
  closeAfterMs,
  closeForeignAfterMs,
  exchangeLookMs,
  foreignHolders,
  toldAgainWithinMs,
} from './limits.ts';
import { closed, tellAll, tellUntold } from './news.ts';
import type { Part } from './news.ts';
import { neededBlobs } from './wanted.ts';

/** Ends batches whose time is over, and looks at all exchanges now and then. */
export function lookAtExchanges(state: State, now: Instant): Part {
  const part: Part = { facts: [], effects: [] };
  for (const siteNumber of state.sitesMoving) {
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    for (const { number } of lapsed(state, site, now)) {
      part.facts.push({ kind: 'batchLapsed', at: now, siteNumber, number });
    }
  }
  const { bySite, lookedAt } = state.exchanges;
  if (bySite.size === 0) return part;
  if (now - lookedAt < exchangeLookMs) {
    for (const ofSite of bySite.values()) {
      for (const exchange of ofSite.values()) tellUntold(state, exchange, { part, now });
    }
    return part;
  }
  part.facts.push({ kind: 'exchangesLookedAt', at: now });
  const needed = neededBlobs(state, now);
  for (const ofSite of bySite.values()) {
    for (const exchange of ofSite.values()) look(state, exchange, { part, needed, now });
  }
  return part;
}

interface Look {
  readonly part: Part;
  readonly needed: ReadonlySet<Sha256>;
  readonly now: Instant;
}

function look(state: State, exchange: Exchange, { part, needed, now }: Look): void {
  const { siteNumber, sha256, isForeign, idleSince, members } = exchange;
  const isNeeded = members.size > 0 && (isForeign ? isWanted(exchange) : needed.has(sha256));
  const patienceMs = isForeign ? closeForeignAfterMs : closeAfterMs;
  if (!isNeeded && idleSince !== null && now - idleSince >= patienceMs) {
    for (const { nodeNumber } of members.values()) {
      part.effects.push(closed(mustHave(state.nodes[nodeNumber], 'node', nodeNumber), sha256));
    }
    part.facts.push({ kind: 'exchangeClosed', siteNumber, sha256 });
    return;
  }
  if (isNeeded !== (idleSince === null)) {
    const since = isNeeded ? null : now;
    part.facts.push({ kind: 'exchangeNeeded', siteNumber, sha256, idleSince: since });
  }
  for (const member of members.values()) {
    if (!isForgotten(state, member, now)) continue;
    const { nodeNumber } = member;
    part.facts.push({ kind: 'memberForgotten', siteNumber, sha256, nodeNumber });
  }
  const isOld = idleSince !== null && now - idleSince >= closeAfterMs;
  if (isForeign && !isNeeded && isOld) leaveHolders(state, exchange, part);
  if (exchange.isNews) tellAll(state, exchange, { part, now });
}

/** A few copies of a package are enough for those that want it later. */
function leaveHolders(state: State, { siteNumber, sha256, members }: Exchange, part: Part): void {
  for (const nodeNumber of [...members.keys()].slice(foreignHolders)) {
    part.effects.push(closed(mustHave(state.nodes[nodeNumber], 'node', nodeNumber), sha256));
    part.facts.push({ kind: 'memberForgotten', siteNumber, sha256, nodeNumber });
  }
}

/** A package, by one who does not have it. */
function isWanted({ members, chunkCount }: Exchange): boolean {
  for (const { heldChunks } of members.values()) if (heldChunks < chunkCount) return true;
  return false;
}

/** Its agent has started anew and said nothing of the blob: it may have another disk. */
function isForgotten(state: State, { nodeNumber, heardAt }: Member, now: Instant): boolean {
  const { instanceSince } = mustHave(state.nodes[nodeNumber], 'node', nodeNumber);
  return heardAt < instanceSince && now - instanceSince >= toldAgainWithinMs;
}

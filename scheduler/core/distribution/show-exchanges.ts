// What a site exchanges, in numbers for operators.

import { emptyBitmap, hasChunk } from '../../../proto/bitmap.ts';
import type { Sha256 } from '../model/ids.ts';
import type { SiteRecord, State } from '../state.ts';
import type { Exchange } from './exchange.ts';

/** One blob that nodes of a site exchange. */
export interface ExchangeSummary {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly chunks: number;
  /** Chunks that some member holds. */
  readonly heldChunks: number;
  readonly members: number;
  /** Members that hold all of it. */
  readonly wholeMembers: number;
  /** Members that have chunks to bring over the uplink now. */
  readonly carriers: number;
  /** Bytes of chunks that members were to bring since it opened, those that were leased again too. */
  readonly leasedBytes: number;
  /** Chunks that some member finds nowhere, though another one holds them. */
  readonly unfoundChunks: number;
}

/** All exchanges of a site that have members, in the order in which they opened; of packages those that are wanted now. */
export function showExchanges(state: State, site: SiteRecord): readonly ExchangeSummary[] {
  const open = [...(state.exchanges.bySite.get(site.number)?.values() ?? [])];
  const isShown = ({ members, isForeign, idleSince }: Exchange): boolean =>
    members.size > 0 && (!isForeign || idleSince === null);
  return open.filter(isShown).map((each) => show(site, each));
}

function show(site: SiteRecord, exchange: Exchange): ExchangeSummary {
  const { sha256, sizeBytes, chunkCount, missing, members, leasedBytes } = exchange;
  const carriers = new Set<number>();
  for (const batch of site.lanes.down.batches.values()) {
    if (batch.sha256 === sha256) carriers.add(batch.nodeNumber);
  }
  const whole = [...members.values()].filter(({ heldChunks }) => heldChunks === chunkCount);
  return {
    ...{ sha256, sizeBytes, chunks: chunkCount, heldChunks: chunkCount - missing, leasedBytes },
    ...{ members: members.size, wholeMembers: whole.length, carriers: carriers.size },
    unfoundChunks: countUnfound(exchange),
  };
}

/** What nobody holds yet is unfound by all, and no trouble. */
function countUnfound({ members, copies, chunkCount }: Exchange): number {
  const unfound = emptyBitmap(chunkCount);
  for (const member of members.values()) {
    for (const [place, byte] of member.unfound.entries()) {
      unfound[place] = (unfound[place] ?? 0) | (byte & ~(member.held[place] ?? 0));
    }
  }
  let count = 0;
  for (const [chunk, held] of copies.entries())
    if (held > 0 && hasChunk(unfound, chunk)) count += 1;
  return count;
}

// What a site exchanges, in numbers for operators and in words for researchers.

import { emptyBitmap, hasChunk } from '../../../proto/bitmap.ts';
import type { Sha256 } from '../model/ids.ts';
import type { JobTemplate } from '../model/job.ts';
import type { SiteRecord, State } from '../state.ts';
import type { Exchange } from './exchange.ts';
import { isExchanged } from './wanted.ts';

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

/** How much of what its job shares is at a task's site, part of a sentence on inputs; empty: nothing that is exchanged. */
export function sharedText(state: State, siteNumber: number, template: JobTemplate): string {
  const shared = [...template.bundles, ...template.sharedInputs].filter(isExchanged);
  const blobs = new Map(shared.map((blob) => [blob.sha256, blob.sizeBytes]));
  let all = 0;
  let there = 0;
  for (const [sha256, sizeBytes] of blobs) {
    const exchange = state.exchanges.of(siteNumber, sha256);
    all += sizeBytes;
    if (exchange === undefined || exchange.members.size === 0) continue;
    there += sizeBytes * (1 - exchange.missing / exchange.chunkCount);
  }
  if (there === 0) return '';
  if (there === all) return 'those that nodes of a site exchange are at this one already';
  return `of those that nodes of a site exchange, ${Math.floor((100 * there) / all)}% is at this one already`;
}

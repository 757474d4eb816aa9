// Which blobs sites exchange: those that the tasks of a job share, those that are brought without a job, and
// packages that only nodes know.

import { fixedChunkCount } from '../../../proto/chunks.ts';
import type { Instant, Sha256 } from '../model/ids.ts';
import type { BlobRef } from '../model/job.ts';
import type { JobRecord, NodeRecord, State } from '../state.ts';
import type { Decision } from '../decision.ts';
import { nothing, refuse } from '../decision.ts';
import type { BlobPart, WantedBlob } from './exchange.ts';
import { chunksPerBlob, foreignBytes, sharedFromBytes, wantedBlobs } from './limits.ts';

/** How a blob is exchanged. */
export interface Shape {
  readonly sizeBytes: number;
  readonly chunkCount: number;
  readonly isForeign: boolean;
  /** Its index is content-defined, and nodes may have a version before it. */
  readonly isUpdate: boolean;
}

/** Takes the place of what was wanted before; soft, told again at each start. */
export function wantBlobs(blobs: readonly WantedBlob[]): Decision {
  if (blobs.length > wantedBlobs) {
    const reason = `Wanted up to ${wantedBlobs} blobs without a job, found ${blobs.length}: let fewer releases be current.`;
    return refuse('exhausted', reason, 'blobs');
  }
  for (const { sha256, sizeBytes, chunkCount } of blobs) {
    if (sizeBytes > 0 && chunkCount > 0 && chunkCount <= chunksPerBlob) continue;
    const reason = `Blob ${sha256}: wanted bytes in 1 to ${chunksPerBlob} chunks, found ${sizeBytes} in ${chunkCount}.`;
    return refuse('invalid', reason, 'blobs');
  }
  return { ...nothing, facts: [{ kind: 'blobsWanted', blobs }] };
}

/** Large enough to be worth it, and not too large for an index. */
export function isExchanged({ sizeBytes }: BlobRef): boolean {
  return sizeBytes >= sharedFromBytes && fixedChunkCount(sizeBytes) <= chunksPerBlob;
}

/** null: a site does not exchange what this node tells of. */
export function shapeOf(state: State, part: BlobPart, now: Instant): Shape | null {
  const wanted = state.exchanges.wanted.get(part.sha256);
  const isWanted = wanted !== undefined && wanted.until > now;
  if (isWanted)
    return isSame(part, wanted) ? { ...wanted, isForeign: false, isUpdate: true } : null;
  for (const blob of jobBlobs(state)) {
    if (blob.sha256 !== part.sha256 || !isExchanged(blob)) continue;
    const chunkCount = fixedChunkCount(blob.sizeBytes);
    const shape = { sizeBytes: blob.sizeBytes, chunkCount, isForeign: false, isUpdate: false };
    return isSame(part, blob) ? shape : null;
  }
  const { sizeBytes, isForeign } = part;
  // Another one was a job's, which nobody needs any more.
  if (!isForeign || sizeBytes === 0 || sizeBytes > foreignBytes) return null;
  return { sizeBytes, chunkCount: 1, isForeign, isUpdate: false };
}

/**
 * Whether the node may have the blob: it was given a task of a job that shares it, or the blob is for all nodes. Its hash alone,
 * which many know, is no right to read it.
 */
export function mayHave(
  state: State,
  {
    node,
    sha256,
    now,
  }: { readonly node: NodeRecord; readonly sha256: Sha256; readonly now: Instant },
): boolean {
  const { number, leases } = node;
  if ((state.exchanges.wanted.get(sha256)?.until ?? 0) > now) return true;
  for (const job of state.jobs.values()) {
    const isGiven =
      job.holders.has(number) || leases.some(({ jobNumber }) => jobNumber === job.number);
    if (!isGiven) continue;
    for (const blob of blobsOf(job)) if (blob.sha256 === sha256) return true;
  }
  return false;
}

/** Whether nodes of a site exchange what its tasks share. */
export function sharesBlobs(job: JobRecord): boolean {
  return job.state === 'active' && [...blobsOf(job)].some(isExchanged);
}

/** Blobs that are needed now, without packages. */
export function neededBlobs(state: State, now: Instant): ReadonlySet<Sha256> {
  const needed = new Set<Sha256>();
  for (const [sha256, { until }] of state.exchanges.wanted) if (until > now) needed.add(sha256);
  for (const { sha256 } of jobBlobs(state)) needed.add(sha256);
  return needed;
}

/** What tasks of active jobs share. */
function* jobBlobs(state: State): Generator<BlobRef> {
  for (const job of state.jobs.values()) if (job.state === 'active') yield* blobsOf(job);
}

/** What its tasks share; of a service that is being changed, what it shared before, too. */
function* blobsOf({ template, revisions }: JobRecord): Generator<BlobRef> {
  yield* template.bundles;
  yield* template.sharedInputs;
  for (const { template: older } of revisions?.older ?? []) {
    yield* older.bundles;
    yield* older.sharedInputs;
  }
}

function isSame(part: BlobPart, { sizeBytes }: { readonly sizeBytes: number }): boolean {
  return part.sizeBytes === sizeBytes;
}

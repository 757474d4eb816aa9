// Tells the core which blobs sites exchange for releases: those of rollouts under way. The core keeps none of it
// over a restart, and each is wanted for a while only, so it is told again and again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import type { Answer, Command, Instant, RolloutSummary, WantedBlob } from '../../core/index.ts';
import { instant, sha256 as asSha256, sharedFromBytes } from '../../core/index.ts';
import type { IndexFacts } from '../blobs/blob-indexes.ts';

/** A rollout bakes for hours in each ring: what the first half minute of it brings is little. */
const lookEveryMs = 30_000;
/** Some looks may be late: an index of a large blob is made first. */
const wantedForMs = 10 * 60_000;
/** Beside what jobs share, which has the same, and not before it. */
const releasePriority = 0;

export interface ReleaseWantsOptions {
  readonly rollouts: () => readonly Pick<RolloutSummary, 'name' | 'version' | 'phase' | 'isHeld'>[];
  readonly releases: () => readonly ReleaseTarget[];
  /** See BlobIndexes.indexOf. */
  readonly indexOf: (sha256: string) => Promise<Pick<IndexFacts, 'chunks'> | undefined>;
  readonly now: () => Instant;
  readonly submit: (command: Command) => Promise<Answer>;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

/** Blobs of releases that nodes fetch now, each once. */
export function releaseBlobs({
  rollouts,
  releases,
}: Pick<ReleaseWantsOptions, 'rollouts' | 'releases'>): readonly ReleaseTarget[] {
  const bySha256 = new Map<string, ReleaseTarget>();
  for (const { name, version, phase, isHeld } of rollouts()) {
    if (isHeld || (phase !== 'running' && phase !== 'paused')) continue;
    for (const each of releases()) {
      const isOfIt = each.name === name && each.version === version;
      if (isOfIt && each.sizeBytes >= sharedFromBytes) bySha256.set(each.sha256, each);
    }
  }
  return [...bySha256.values()];
}

/** Looks until the answer is called. A blob that cannot be read is told in the log, and left out. */
export function startReleaseWants(options: ReleaseWantsOptions): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = async (): Promise<void> => {
    let told = 0;
    while (!signal.aborted) {
      const blobs = await wantedBlobs(options);
      // Nothing, after nothing, needs no words.
      if (blobs.length > 0 || told > 0) await tell(options, blobs);
      told = blobs.length;
      await sleep(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  const working = work();
  return async () => {
    stopping.abort();
    await working;
  };
}

/** What the core is told now: as many chunks as the blob's index has. */
export async function wantedBlobs(options: ReleaseWantsOptions): Promise<readonly WantedBlob[]> {
  const { indexOf, now, log } = options;
  const wanted: WantedBlob[] = [];
  for (const { sha256, sizeBytes } of releaseBlobs(options)) {
    try {
      const facts = await indexOf(sha256);
      if (facts === undefined) continue;
      const until = instant(now() + wantedForMs);
      const chunkCount = facts.chunks;
      wanted.push({
        ...{ sha256: asSha256(sha256), sizeBytes, chunkCount, until },
        priority: releasePriority,
      });
    } catch (error) {
      log('a release is not exchanged: its index cannot be made', { sha256, error: String(error) });
    }
  }
  return wanted;
}

async function tell(
  { submit, log }: ReleaseWantsOptions,
  blobs: readonly WantedBlob[],
): Promise<void> {
  try {
    const answer = await submit({ kind: 'wantBlobs', blobs });
    if (answer.kind !== 'refused') return;
    log('releases are not exchanged', { reason: answer.reason });
  } catch (error) {
    log('releases are not exchanged', { error: String(error) });
  }
}

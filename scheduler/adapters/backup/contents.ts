// What a data folder holds, by its own word: the journal is replayed, and every blob that it names,
// or that one of those names in turn, is looked for.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AttemptResult, TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import type { Holdings, Sha256 } from '../../core/index.ts';
import { State, apply, holdingsOf, stateOf } from '../../core/index.ts';
import { FileJournal } from '../journal/file-journal.ts';

export const countsShape = z.object({
  batches: z.number(),
  ...{ jobs: z.number(), tasks: z.number(), results: z.number() },
  ...{ nodes: z.number(), sites: z.number(), tokens: z.number(), blobs: z.number() },
});
export type Counts = Readonly<z.infer<typeof countsShape>>;

export interface Contents {
  readonly counts: Counts;
  readonly state: State;
  /** Blobs that jobs and results need. */
  readonly named: ReadonlySet<string>;
  /** Those of them that are not there. */
  readonly missing: readonly string[];
  readonly warnings: readonly string[];
}

/** Replays the journal of one folder, and looks for its blobs in a data folder. */
export async function readContents(journalFolder: string, dataFolder: string): Promise<Contents> {
  const journal = FileJournal.open(journalFolder);
  try {
    const recovery = await journal.recover();
    const state = recovery.image === undefined ? new State() : stateOf(recovery.image);
    for await (const facts of recovery.batches) for (const fact of facts) apply(state, fact);
    const holdings = holdingsOf(state);
    const { jobs, tasks, nodes, sites, tokens, results } = holdings;
    const { named, missing } = lookForBlobs(holdings, dataFolder);
    const batches = recovery.lastSequence();
    const counts = { batches, jobs, tasks, nodes, sites, tokens };
    return {
      counts: { ...counts, results: results.size, blobs: named.size },
      state,
      named,
      missing,
      warnings: recovery.warnings,
    };
  } finally {
    await journal.close();
  }
}

function lookForBlobs(
  { files, manifests, results, kept }: Holdings,
  dataFolder: string,
): { readonly named: ReadonlySet<string>; readonly missing: readonly string[] } {
  const named = new Set<string>([...files, ...manifests, ...results]);
  const isHere = (sha256: string): boolean =>
    statSync(blobFile(dataFolder, sha256), { throwIfNoEntry: false }) !== undefined;
  const addOf = (list: Sha256, blob: { readonly sha256: string } | undefined): void => {
    // What nodes keep is not missing here.
    if (blob !== undefined && (!kept.has(list) || isHere(blob.sha256))) named.add(blob.sha256);
  };
  for (const sha256 of manifests) {
    const bytes = bytesOf(dataFolder, sha256);
    for (const { blob } of bytes === null ? [] : TaskManifest.decode(bytes).tasks)
      addOf(sha256, blob);
  }
  for (const sha256 of results) {
    const bytes = bytesOf(dataFolder, sha256);
    for (const { blob } of bytes === null ? [] : AttemptResult.decode(bytes).outputs)
      addOf(sha256, blob);
  }
  return { named, missing: [...named].filter((sha256) => !isHere(sha256)).sort() };
}

function bytesOf(dataFolder: string, sha256: string): Buffer | null {
  try {
    return readFileSync(blobFile(dataFolder, sha256));
  } catch {
    return null;
  }
}

/** Where the blob store keeps it. */
function blobFile(dataFolder: string, sha256: string): string {
  return join(dataFolder, 'blobs', sha256.slice(0, 2), sha256);
}

// Results of attempts as they are stored: a blob that lists the blobs of a task's outputs.

import { AttemptResult } from '../../../proto/gen/punnet/v1/job.ts';
import type { BlobRef } from '../../../proto/gen/punnet/v1/common.ts';
import { BlobError } from './blob-error.ts';
import type { BlobStore } from './blob-store.ts';

/** What readers of results take. */
const maxResultBytes = 1_000_000;

/** Outputs of a stored result; none where it is no result, which nobody can read either. */
export async function outputsOf(
  blobs: Pick<BlobStore, 'readBytes'>,
  sha256: string,
): Promise<readonly BlobRef[]> {
  const bytes = await blobs.readBytes(sha256, maxResultBytes);
  try {
    return AttemptResult.decode(bytes).outputs.flatMap(({ blob }) => blob ?? []);
  } catch {
    return [];
  }
}

/** Whether a result is here with all its outputs: what it names stays from then on. */
export async function hasResult(
  blobs: Pick<BlobStore, 'readBytes' | 'size'>,
  { sha256, sizeBytes }: BlobRef,
): Promise<boolean> {
  if ((await blobs.size(sha256)) !== sizeBytes) return false;
  try {
    for (const output of await outputsOf(blobs, sha256)) {
      if ((await blobs.size(output.sha256)) !== output.sizeBytes) return false;
    }
    return true;
  } catch (error) {
    if (!(error instanceof BlobError)) throw error;
    // One that is too long for its readers is here all the same.
    if (error.code === 'too_long') return true;
    if (error.code === 'damaged' || error.code === 'not_found') return false;
    throw error;
  }
}

// punnet.v1.BlobService: which bytes a caller still has to upload.

import type { BlobServiceServer } from '../../proto/gen/punnet/v1/blob_service.ts';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import { unary } from './calls.ts';
import type { ApiDeps, Blobs } from './deps.ts';
import { invalid } from './errors.ts';

const maxBlobs = 10_000;

export function blobService(deps: ApiDeps): BlobServiceServer {
  return {
    findMissingBlobs: unary(deps, async ({ blobs }, caller) => {
      if (blobs.length > maxBlobs) {
        const description = `wanted at most ${maxBlobs}, found ${blobs.length}`;
        throw invalid([{ field: 'blobs', description }]);
      }
      const missing = [];
      for (const blob of blobs) {
        if (!(await isUploaded(deps.blobs, caller.name, blob))) missing.push(blob);
      }
      return { missing };
    }),
  };
}

/** Whether the caller has uploaded a blob. One that only others have uploaded is missing. */
export async function isUploaded(
  blobs: Blobs,
  caller: string,
  { sha256, sizeBytes }: BlobRef,
): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(sha256)) return false;
  return (await blobs.isOwned(caller, sha256)) && (await blobs.size(sha256)) === sizeBytes;
}

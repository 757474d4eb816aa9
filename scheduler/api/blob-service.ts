// punnet.v1.BlobService: which bytes a caller still has to upload.

import type { BlobServiceServer } from '../../proto/gen/punnet/v1/blob_service.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { invalid } from './errors.ts';

const maxBlobs = 10_000;

export function blobService(deps: ApiDeps): BlobServiceServer {
  return {
    findMissingBlobs: unary(deps, async ({ blobs }, caller) => {
      if (blobs.length > maxBlobs) {
        const description = `wanted at most ${maxBlobs}, found ${blobs.length}`;
        throw invalid([{ field: 'blobs', description }]);
      }
      return { missing: [...(await deps.blobs.missing(caller.name, blobs))] };
    }),
  };
}

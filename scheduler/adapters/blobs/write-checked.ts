// Writes the bytes of a blob as they come, and believes them by their hash.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { BlobRef } from '../../../proto/gen/punnet/v1/common.ts';
import { BlobError } from './blob-error.ts';
import type { PartWriter } from './partial-uploads.ts';

/** What is still to come of a blob, and who hears of what was written. */
export interface Rest {
  readonly blob: BlobRef;
  readonly offset: number;
  readonly onWritten: (countBytes: number) => void;
}

/** Writes the rest of a blob from `offset` on; all of it is what its name says when this resolves. */
export async function writeChecked(
  { file, handle, write }: PartWriter,
  stream: AsyncIterable<Uint8Array>,
  { blob, offset, onWritten }: Rest,
): Promise<void> {
  const { sha256, sizeBytes } = blob;
  const hash = createHash('sha256');
  let count = offset;
  if (offset > 0) {
    // What a stream yields without an encoding.
    const before: AsyncIterable<Buffer> = createReadStream(file, { end: offset - 1 });
    for await (const chunk of before) hash.update(chunk);
  }
  for await (const chunk of stream) {
    count += chunk.length;
    if (count > sizeBytes) {
      throw new BlobError('too_long', `blob ${sha256}: want ${sizeBytes} bytes, found more`);
    }
    hash.update(chunk);
    await write(chunk);
    onWritten(chunk.length);
  }
  if (count < sizeBytes) {
    throw new BlobError('too_short', `blob ${sha256}: want ${sizeBytes} bytes, found ${count}`);
  }
  const found = hash.digest('hex');
  if (found !== sha256) {
    throw new BlobError('wrong_hash', `blob ${sha256}: the bytes hash to ${found}; send it again`);
  }
  await handle.sync();
}

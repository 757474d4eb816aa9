// Uploads what the scheduler does not have yet, a few blobs at a time.
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createReadStream } from 'node:fs';
import { status, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import PQueue from 'p-queue';
import type { WriteRequest, WriteResponse } from '../../proto/gen/google/bytestream/bytestream.ts';
import type { Connection } from './connection.ts';
import { CliError, exitCodes, isServiceError } from './errors.ts';
import type { LocalBlob } from './job-inputs.ts';

// The contract's bound of one FindMissingBlobs.
const blobsPerQuestion = 10_000;
const chunkBytes = 256 * 1024;
const parallelUploads = 4;
// From this size on an upload goes on where an earlier one was cut.
const resumedBytes = 256 * 1024;
// Cuts one after another that brought no byte further.
const cutsMax = 5;
const retryDelayMs = 500;
const cutCodes: readonly status[] = [status.UNAVAILABLE, status.CANCELLED, status.ABORTED];

/** Uploads the missing ones of `blobs`; `progress` hears of bytes sent and bytes in all. */
export async function uploadMissing(
  connection: Connection,
  blobs: readonly LocalBlob[],
  progress: (sentBytes: number, totalBytes: number) => void,
): Promise<void> {
  const missing = await findMissing(connection, blobs);
  const totalBytes = missing.reduce((sum, local) => sum + local.blob.sizeBytes, 0);
  let sentBytes = 0;
  const queue = new PQueue({ concurrency: parallelUploads });
  const work = missing.map((local) => async () => {
    await uploadOne(connection, local, (bytes) => {
      sentBytes += bytes;
      progress(sentBytes, totalBytes);
    });
  });
  try {
    await queue.addAll(work);
  } catch (error) {
    queue.clear();
    throw connection.explain(error);
  }
}

async function findMissing(
  connection: Connection,
  blobs: readonly LocalBlob[],
): Promise<readonly LocalBlob[]> {
  const byHash = new Map(blobs.map((local) => [local.blob.sha256, local]));
  const all = [...byHash.values()];
  const missing: LocalBlob[] = [];
  for (let start = 0; start < all.length; start += blobsPerQuestion) {
    const asked = all.slice(start, start + blobsPerQuestion).map((local) => local.blob);
    const method = connection.blobs.findMissingBlobs.bind(connection.blobs);
    const response = await connection.call(method, { blobs: asked });
    for (const { sha256 } of response.missing) {
      const local = byHash.get(sha256);
      if (local !== undefined) missing.push(local);
    }
  }
  return missing;
}

/** Sends a blob; a cut is mended by going on where the scheduler's part ends. */
async function uploadOne(
  connection: Connection,
  local: LocalBlob,
  sent: (bytes: number) => void,
): Promise<void> {
  const { sha256, sizeBytes } = local.blob;
  const resourceName = `uploads/${randomUUID()}/blobs/${sha256}/${sizeBytes}`;
  let toldBytes = 0;
  const tell = (bytes: number): void => {
    if (bytes > toldBytes) sent(bytes - toldBytes);
    toldBytes = Math.max(bytes, toldBytes);
  };
  let cuts = 0;
  let furthest = -1;
  for (;;) {
    try {
      const start = await committedBytes(connection, resourceName, sizeBytes);
      cuts = start > furthest ? 0 : cuts;
      furthest = Math.max(furthest, start);
      tell(start);
      if (start < sizeBytes || sizeBytes === 0)
        await write(connection, local, { resourceName, start, tell });
      return;
    } catch (error) {
      cuts += 1;
      const isCut = isServiceError(error) && cutCodes.includes(error.code);
      if (!isCut || cuts >= cutsMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
    }
  }
}

async function committedBytes(
  connection: Connection,
  resourceName: string,
  sizeBytes: number,
): Promise<number> {
  if (sizeBytes < resumedBytes) return 0;
  const method = connection.bytes.queryWriteStatus.bind(connection.bytes);
  return (await connection.raw(method, { resourceName })).committedSize;
}

async function write(
  connection: Connection,
  local: LocalBlob,
  how: {
    readonly resourceName: string;
    readonly start: number;
    readonly tell: (bytes: number) => void;
  },
): Promise<void> {
  const { resourceName, start, tell } = how;
  const { sizeBytes } = local.blob;
  const { stream, answer } = openWrite(connection);
  let isOver = false;
  const over = answer.finally(() => (isOver = true));
  // It is awaited below; until then a refusal only stops the loop.
  over.catch(() => undefined);
  let writeOffset = start;
  for await (const data of chunksOf(local.source, start)) {
    if (isOver) break;
    const finishWrite = writeOffset + data.length >= sizeBytes;
    const isRoomy = stream.write({ resourceName, writeOffset, finishWrite, data });
    writeOffset += data.length;
    tell(writeOffset);
    if (!isRoomy) await Promise.race([once(stream, 'drain'), over]);
  }
  if (sizeBytes === 0) {
    stream.write({ resourceName, writeOffset: 0, finishWrite: true, data: Buffer.alloc(0) });
  }
  stream.end();
  const { committedSize } = await over;
  if (committedSize === sizeBytes) return;
  const name = typeof local.source === 'string' ? local.source : 'the list of inputs';
  throw new CliError(
    `${name}: sent ${sizeBytes} bytes, the scheduler has ${committedSize}: submit again`,
    exitCodes.failed,
  );
}

function openWrite(connection: Connection): {
  readonly stream: ClientWritableStream<WriteRequest>;
  readonly answer: Promise<WriteResponse>;
} {
  const emitter = new EventEmitter();
  const answer = new Promise<WriteResponse>((resolve, reject) => {
    emitter.once('done', (error: ServiceError | null, response: WriteResponse) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
  const stream = connection.bytes.write(connection.metadata, (error, response) => {
    emitter.emit('done', error, response);
  });
  return { stream, answer };
}

async function* chunksOf(source: string | Uint8Array, start: number): AsyncGenerator<Buffer> {
  if (typeof source !== 'string') {
    const bytes = Buffer.from(source);
    for (let at = start; at < bytes.length; at += chunkBytes)
      yield bytes.subarray(at, at + chunkBytes);
    return;
  }
  for await (const chunk of createReadStream(source, { start, highWaterMark: chunkBytes })) {
    if (Buffer.isBuffer(chunk)) yield chunk;
  }
}

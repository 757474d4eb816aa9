// Uploads what the scheduler does not have yet, a few blobs at a time.
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import PQueue from 'p-queue';
import type { WriteRequest, WriteResponse } from '../../proto/gen/google/bytestream/bytestream.ts';
import type { Connection } from './connection.ts';
import { CliError, exitCodes } from './errors.ts';
import type { LocalBlob } from './job-inputs.ts';

// The contract's bound of one FindMissingBlobs.
const blobsPerQuestion = 10_000;
const chunkBytes = 256 * 1024;
const parallelUploads = 4;

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

async function uploadOne(
  connection: Connection,
  local: LocalBlob,
  sent: (bytes: number) => void,
): Promise<void> {
  const { sha256, sizeBytes } = local.blob;
  const resourceName = `uploads/${randomUUID()}/blobs/${sha256}/${sizeBytes}`;
  const { stream, answer } = openWrite(connection);
  let isOver = false;
  const over = answer.finally(() => (isOver = true));
  // It is awaited below; until then a refusal only stops the loop.
  over.catch(() => undefined);
  let writeOffset = 0;
  for await (const data of chunksOf(local.source)) {
    if (isOver) break;
    const finishWrite = writeOffset + data.length >= sizeBytes;
    const isRoomy = stream.write({ resourceName, writeOffset, finishWrite, data });
    writeOffset += data.length;
    sent(data.length);
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

async function* chunksOf(source: string | Uint8Array): AsyncGenerator<Buffer> {
  if (typeof source !== 'string') {
    const bytes = Buffer.from(source);
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    return;
  }
  for await (const chunk of createReadStream(source, { highWaterMark: chunkBytes })) {
    if (Buffer.isBuffer(chunk)) yield chunk;
  }
}

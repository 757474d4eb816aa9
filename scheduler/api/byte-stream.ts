// google.bytestream.ByteStream: blobs of jobs up, outputs of tasks down.

import type { ServerReadableStream, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type {
  ByteStreamServer,
  ReadRequest,
  ReadResponse,
  WriteRequest,
  WriteResponse,
} from '../../proto/gen/google/bytestream/bytestream.ts';
import type { TaskSummary } from '../core/index.ts';
import type { Principal } from './auth.ts';
import { authenticate } from './auth.ts';
import { streaming, told, unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { ApiError, invalid, notFound } from './errors.ts';
import { bringOutput } from './kept-outputs.ts';
import { ownTask, readResult } from './own.ts';

const maxBlobBytes = 1e12;
const chunkBytes = 256 * 1024;

export function byteStream(deps: ApiDeps): ByteStreamServer {
  return {
    read: streaming(deps, (call, caller) => read(deps, call, caller)),
    write: (call, callback) => void write(deps, call, callback),
    queryWriteStatus: unary(deps, async (request, caller) => {
      const { sha256, size } = uploadName(request.resourceName);
      const blob = { sha256, sizeBytes: size };
      const missing = await deps.blobs.missing(caller.name, [blob]);
      if (missing.length === 0) return { committedSize: size, complete: true };
      return { committedSize: await deps.blobs.committed(caller.name, blob), complete: false };
    }),
  };
}

function uploadName(name: string): { readonly sha256: string; readonly size: number } {
  const match = /^uploads\/[0-9A-Za-z-]{1,63}\/blobs\/([0-9a-f]{64})\/(\d{1,13})$/.exec(name);
  const size = Number(match?.[2]);
  if (match?.[1] !== undefined && size <= maxBlobBytes) return { sha256: match[1], size };
  const description = `wanted uploads/{uuid}/blobs/{sha256}/{size}, found "${name}"`;
  throw invalid([{ field: 'resourceName', description }]);
}

async function write(
  deps: ApiDeps,
  call: ServerReadableStream<WriteRequest, WriteResponse>,
  callback: sendUnaryData<WriteResponse>,
): Promise<void> {
  try {
    const caller = authenticate(deps, call.metadata);
    const upload = new Upload(call);
    const { resourceName, writeOffset: offset } = await upload.begin();
    const { sha256, size } = uploadName(resourceName);
    if (offset < 0 || offset > size) throw wrongOffset(`0 to ${size}`, offset);
    const from = { sender: caller.name, offset };
    await deps.blobs.resume(upload.bytes(), { sha256, sizeBytes: size }, from);
    await deps.blobs.markOwned(caller.name, sha256);
    callback(null, { committedSize: size });
  } catch (error) {
    // Not read to its end: whatever still comes is of no use.
    call.resume();
    // What the store could not read may be the caller's own mistake.
    const isMistake = error instanceof Error && error.cause instanceof ApiError;
    callback(told(deps, isMistake ? error.cause : error));
  }
}

function wrongOffset(wanted: string, found: number): ApiError {
  return invalid([{ field: 'writeOffset', description: `wanted ${wanted}, found ${found}` }]);
}

/** The requests of one upload: the first names the blob, all carry bytes in order. */
class Upload {
  readonly #requests: AsyncIterator<WriteRequest>;
  #first: WriteRequest | undefined;

  constructor(call: ServerReadableStream<WriteRequest, WriteResponse>) {
    this.#requests = call[Symbol.asyncIterator]() as AsyncIterator<WriteRequest>;
  }

  async begin(): Promise<WriteRequest> {
    const next = await this.#requests.next();
    if (next.done === true) {
      throw invalid([{ field: 'resourceName', description: 'wanted an upload, found no message' }]);
    }
    this.#first = next.value;
    return next.value;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    let request = this.#first;
    let offset = request?.writeOffset ?? 0;
    while (request !== undefined) {
      if (request.writeOffset !== offset) {
        throw wrongOffset(`${offset}, where the last bytes ended`, request.writeOffset);
      }
      offset += request.data.length;
      yield request.data;
      if (request.finishWrite) return;
      const next: IteratorResult<WriteRequest> = await this.#requests.next();
      request = next.done === true ? undefined : next.value;
    }
  }
}

async function read(
  deps: ApiDeps,
  call: ServerWritableStream<ReadRequest, ReadResponse>,
  caller: Principal,
): Promise<void> {
  const { readOffset, readLimit, resourceName } = call.request;
  const { task, sha256, size } = await outputOf(deps, resourceName, caller);
  if (readOffset < 0 || readOffset > size || readLimit < 0) {
    const description = `wanted an offset of 0 to ${size}, found ${readOffset}`;
    throw new ApiError(status.OUT_OF_RANGE, description, { reason: 'OUT_OF_RANGE' });
  }
  if (deps.view().keeper(task.jobId, task.index) !== null) {
    const gone = new AbortController();
    call.once('cancelled', () => gone.abort());
    const wanted = { jobId: task.jobId, taskIndex: task.index, sha256, sizeBytes: size };
    await bringOutput(deps, wanted, gone.signal);
  }
  const length = readLimit === 0 ? size - readOffset : Math.min(readLimit, size - readOffset);
  // What a read stream yields without an encoding.
  const parts: AsyncIterable<Buffer> = deps.blobs.read(sha256, { offset: readOffset, length });
  for await (const part of parts) {
    for (let at = 0; at < part.length && !call.cancelled; at += chunkBytes) {
      if (!call.write({ data: part.subarray(at, at + chunkBytes) })) await drained(call);
    }
    if (call.cancelled) return;
  }
}

function drained(call: ServerWritableStream<ReadRequest, ReadResponse>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('cancelled', done);
      call.off('close', done);
      resolve();
    };
    call.once('drain', done);
    call.once('cancelled', done);
    call.once('close', done);
  });
}

/** The blob of an output; only whoever owns the job may read it. */
async function outputOf(
  deps: ApiDeps,
  name: string,
  caller: Principal,
): Promise<{ readonly task: TaskSummary; readonly sha256: string; readonly size: number }> {
  const match = /^jobs\/([^/]+)\/tasks\/(\d{1,7})\/outputs\/(.+)$/.exec(name);
  if (match === null) {
    const description = `wanted jobs/{job}/tasks/{index}/outputs/{path}, found "${name}"`;
    throw invalid([{ field: 'resourceName', description }]);
  }
  const [, job = '', index = '', path = ''] = match;
  const task = ownTask(deps, { jobId: job, index: Number(index) }, caller);
  const result = await readResult(deps, task);
  const blob = result?.outputs.find((output) => output.path === path)?.blob;
  if (blob === undefined) throw notFound('output', path, ` of task ${index} in job ${job}`);
  return { task, sha256: blob.sha256, size: blob.sizeBytes };
}

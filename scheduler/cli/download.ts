// Reads one blob into a file: goes on where an earlier try was cut, and believes only the hash.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, open, rm } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { ReadResponse } from '../../proto/gen/google/bytestream/bytestream.ts';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import type { Connection } from './connection.ts';
import { CliError, exitCodes, isServiceError } from './errors.ts';

// Cuts one after another that brought no byte.
const cutsMax = 5;
const retryDelayMs = 500;

interface Source {
  readonly resourceName: string;
  readonly blob: BlobRef;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Hears of each piece that came. */
  readonly came: (bytes: number) => void;
}

/** What is there of the file: always as much as was hashed. */
interface Part {
  readonly file: string;
  readonly hash: Hash;
  size: number;
}

/** Reads the blob into `file`, which is whole and right when this resolves. */
export async function download(
  connection: Connection,
  source: Source,
  file: string,
): Promise<void> {
  const { sha256, sizeBytes } = source.blob;
  const part = await openPart(file, sizeBytes);
  let cuts = 0;
  while (part.size < sizeBytes) {
    const before = part.size;
    const error = await readOn(connection, source, part);
    if (part.size >= sizeBytes) break;
    cuts = part.size > before ? 0 : cuts + 1;
    if (cuts >= cutsMax || source.signal.aborted || !isCut(error)) {
      throw error ?? cutOff(source, part.size);
    }
    await new Promise((resolve) => setTimeout(resolve, retryDelayMs));
  }
  const found = part.hash.digest('hex');
  if (found === sha256 && part.size === sizeBytes) return;
  await rm(file, { force: true });
  throw new CliError(
    `${source.resourceName}: wanted ${sizeBytes} bytes with sha256 ${sha256}, ` +
      `found ${part.size} with ${found}: fetch again`,
    exitCodes.failed,
  );
}

async function openPart(file: string, sizeBytes: number): Promise<Part> {
  const hash = createHash('sha256');
  const there = await lstat(file).catch(() => undefined);
  if (there?.isFile() !== true || there.size > sizeBytes) {
    await rm(file, { recursive: true, force: true });
    await (await open(file, 'wx')).close();
    return { file, hash, size: 0 };
  }
  for await (const chunk of createReadStream(file)) if (Buffer.isBuffer(chunk)) hash.update(chunk);
  return { file, hash, size: there.size };
}

/** Appends what comes, until all is there or the stream ends; returns what ended it. */
async function readOn(connection: Connection, source: Source, part: Part): Promise<unknown> {
  const request = { resourceName: source.resourceName, readOffset: part.size, readLimit: 0 };
  const handle = await open(part.file, 'a');
  let stop = (): void => undefined;
  try {
    const stream = connection.bytes.read(request, connection.metadata);
    const messages: AsyncIterable<ReadResponse> = stream;
    stop = (): void => stream.cancel();
    source.signal.addEventListener('abort', stop, { once: true });
    for await (const { data } of messages) {
      await handle.appendFile(data);
      part.hash.update(data);
      part.size += data.length;
      source.came(data.length);
      // A server that never ends is not listened to for ever.
      if (part.size > source.blob.sizeBytes) break;
    }
    return undefined;
  } catch (error) {
    return error;
  } finally {
    stop();
    source.signal.removeEventListener('abort', stop);
    await handle.close();
  }
}

const cutCodes: readonly status[] = [status.UNAVAILABLE, status.CANCELLED];

function isCut(error: unknown): boolean {
  return error === undefined || (isServiceError(error) && cutCodes.includes(error.code));
}

function cutOff(source: Source, size: number): CliError {
  return new CliError(
    `${source.resourceName}: cut after ${size} of ${source.blob.sizeBytes} bytes: fetch again`,
    exitCodes.unreachable,
  );
}

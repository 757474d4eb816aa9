// Calls of the API that tests share: uploads message by message, and how a call failed.

import { createHash, randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { WriteRequest } from '../../proto/gen/google/bytestream/bytestream.ts';
import type { Connection } from '../../scheduler/cli/connection.ts';

export function refOf(bytes: Uint8Array) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sha256, sizeBytes: bytes.length };
}

/** One upload, in these messages; rejects with the server's error. */
export function write(by: Connection, requests: readonly Partial<WriteRequest>[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = by.bytes.write(by.metadata, (error, response) => {
      if (error === null) resolve(response.committedSize);
      else reject(error);
    });
    for (const each of requests) {
      const plain = { resourceName: '', writeOffset: 0, finishWrite: false, data: Buffer.alloc(0) };
      call.write({ ...plain, ...each });
    }
    call.end();
  });
}

export function upload(by: Connection, data: Buffer): Promise<number> {
  return write(by, [{ resourceName: nameOf(data), data, finishWrite: true }]);
}

export function nameOf(bytes: Uint8Array): string {
  const { sha256, sizeBytes } = refOf(bytes);
  return `uploads/${randomUUID()}/blobs/${sha256}/${sizeBytes}`;
}

/** The error that a call ends with. */
export async function errorOf(call: Promise<unknown>): Promise<ServiceError> {
  const error = await call.then(
    () => new Error('no error'),
    (found: unknown) => found,
  );
  if (error instanceof Error && 'code' in error) return error as ServiceError;
  throw error;
}

export async function codeOf(call: Promise<unknown>): Promise<string> {
  return status[(await errorOf(call)).code];
}

export async function firstOf(stream: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of stream) return message;
  throw new Error('the stream ended without a message');
}

// One call of a gRPC method that is known from a proto file only, as ordinary tools make it.

import { Client } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface PlainCall {
  readonly endpoint: string;
  readonly credentials: ChannelCredentials;
  /** Where the proto file's own name starts. */
  readonly folder: string;
  readonly file: string;
  readonly service: string;
  readonly method: string;
}

/** Sends one message, on a stream or not, and returns the first answer. */
export async function callPlain(call: PlainCall, request: object): Promise<unknown> {
  const method = methodOf(call);
  const client = new Client(call.endpoint, call.credentials);
  const { path, requestSerialize, responseDeserialize } = method;
  try {
    if (!method.requestStream) {
      return await new Promise((resolve, reject) => {
        const done = (error: Error | null, answer?: object): void =>
          error === null ? resolve(answer) : reject(error);
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, done);
      });
    }
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.write(request);
    stream.end();
    for await (const answer of stream) return answer;
    throw new Error(`${path} ended without an answer`);
  } finally {
    client.close();
  }
}

function methodOf({ folder, file, service, method }: PlainCall) {
  const found = loadSync(file, { includeDirs: [folder] })[service];
  const definition = found === undefined || 'format' in found ? undefined : found[method];
  if (definition === undefined) throw new Error(`${file} has no ${service}.${method}`);
  return definition;
}

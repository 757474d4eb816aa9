// Server reflection, by which grpcurl and its like learn the contract. It is made when somebody first
// asks: reading the descriptors takes a quarter of all that a scheduler does to start.

import { readFileSync } from 'node:fs';
import { Server } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceDefinition, handleBidiStreamingCall } from '@grpc/grpc-js';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

const descriptors = new URL('../../proto/gen/descriptors.binpb', import.meta.url);
const method = 'ServerReflectionInfo';
/** What proto-loader makes knows its messages by name alone. */
type Message = object;

interface Reflection {
  readonly definition: MethodDefinition<Message, Message>;
  readonly answer: handleBidiStreamingCall<Message, Message>;
}

/** Keeps what is added to it, by path, instead of serving it. */
class Collector extends Server {
  readonly collected = new Map<string, Reflection>();

  override addService(service: ServiceDefinition, implementation: UntypedServiceImplementation) {
    const definition = service[method];
    const answer = implementation[method];
    if (definition === undefined || answer === undefined) return;
    // Each version has this one method, and it is a stream both ways.
    this.collected.set(definition.path, {
      definition,
      answer: answer as handleBidiStreamingCall<Message, Message>,
    });
  }
}

/** Adds both versions of the service. */
export function addReflection(server: Server): void {
  let made: ReadonlyMap<string, Reflection> | undefined;
  for (const version of ['v1', 'v1alpha']) {
    const path = `/grpc.reflection.${version}.ServerReflection/${method}`;
    const real = (): Reflection => {
      made ??= makeReflection();
      const found = made.get(path);
      if (found === undefined) throw new Error(`@grpc/reflection no longer serves ${path}`);
      return found;
    };
    server.register<Message, Message>(
      path,
      (stream: Parameters<Reflection['answer']>[0]) => real().answer(stream),
      (message) => real().definition.responseSerialize(message),
      (bytes) => real().definition.requestDeserialize(bytes),
      'bidi',
    );
  }
}

function makeReflection(): ReadonlyMap<string, Reflection> {
  const collector = new Collector();
  const definition = loadFileDescriptorSetFromBuffer(readFileSync(descriptors));
  new ReflectionService(definition).addToServer(collector);
  return collector.collected;
}

// The message descriptors of the contract: they drive the job file's checks and the JSON output.
import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonValue,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** A generated message: all that is needed of ts-proto's codec. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

// The same relative path holds in the source tree and in dist/.
const file = new URL('../../proto/gen/descriptors.binpb', import.meta.url);
let registry: ReturnType<typeof createFileRegistry> | undefined;

/** The descriptor of punnet.v1.<name>. Throws when the contract has no such message. */
export function descriptor(name: string): DescMessage {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  const found = registry.getMessage(`punnet.v1.${name}`);
  if (found === undefined) throw new Error(`descriptors.binpb has no message punnet.v1.${name}`);
  return found;
}

/** The message's JSON mapping, every field present. */
export function messageToJson<T>(name: string, codec: Codec<T>, message: T): JsonValue {
  const schema = descriptor(name);
  const parsed = fromBinary(schema, codec.encode(message).finish());
  return toJson(schema, parsed, { alwaysEmitImplicit: true });
}

/** The message that a JSON mapping stands for. Throws on JSON that is not of that message. */
export function messageFromJson<T>(name: string, codec: Codec<T>, json: JsonValue): T {
  const schema = descriptor(name);
  return codec.decode(toBinary(schema, fromJson(schema, json)));
}

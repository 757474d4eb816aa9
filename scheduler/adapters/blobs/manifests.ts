// The lists of jobs' tasks: kept as the bytes that they are, with the place of each task in them,
// since a list of a million tasks as objects would take ten times as much memory.

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { TaskEntry } from '../../../proto/gen/punnet/v1/job.ts';
import { BlobError } from './blob-error.ts';
import type { BlobStore } from './blob-store.ts';

const maxManifestBytes = 256 * 1024 * 1024;
const manifestsKept = 8;
/** `repeated TaskEntry tasks = 1`. */
const tasksField = 1;

/** One list: `entry` decodes a task when it is asked for. */
export class Manifest {
  readonly #reader: BinaryReader;
  /** Where each task begins; its length is a varint there. */
  readonly #offsets: Uint32Array;

  /** Throws when the bytes are no TaskManifest. */
  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    const offsets: number[] = [];
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === tasksField && type === WireType.LengthDelimited) offsets.push(reader.pos);
      reader.skip(type);
    }
    this.#reader = reader;
    this.#offsets = Uint32Array.from(offsets);
  }

  get length(): number {
    return this.#offsets.length;
  }

  /** Throws when there is no such task, or its bytes are no TaskEntry. */
  entry(index: number): TaskEntry {
    const offset = this.#offsets[index];
    if (offset === undefined) throw new Error(`the list of tasks has no task ${index}`);
    this.#reader.pos = offset;
    return TaskEntry.decode(this.#reader, this.#reader.uint32());
  }
}

/** The lists used last. */
export class Manifests {
  readonly #blobs: Pick<BlobStore, 'readBytes'>;
  /** A promise while one is read, so that a hundred leases read it once. */
  readonly #kept = new Map<string, Manifest | Promise<Manifest>>();

  constructor(blobs: Pick<BlobStore, 'readBytes'>) {
    this.#blobs = blobs;
  }

  /** At once when it was used lately. Fails when it is not here or no list; then it is read again. */
  get(sha256: string): Manifest | Promise<Manifest> {
    const known = this.#kept.get(sha256);
    if (known !== undefined) return known;
    const reading = this.#read(sha256);
    this.#kept.set(sha256, reading);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > manifestsKept && oldest !== undefined) this.#kept.delete(oldest);
    return reading;
  }

  async #read(sha256: string): Promise<Manifest> {
    try {
      const manifest = toManifest(await this.#blobs.readBytes(sha256, maxManifestBytes), sha256);
      if (this.#kept.has(sha256)) this.#kept.set(sha256, manifest);
      return manifest;
    } catch (error) {
      this.#kept.delete(sha256);
      throw error;
    }
  }
}

function toManifest(bytes: Uint8Array, sha256: string): Manifest {
  try {
    return new Manifest(bytes);
  } catch (error) {
    throw new BlobError('invalid', `blob ${sha256}: wanted a TaskManifest, found others`, error);
  }
}

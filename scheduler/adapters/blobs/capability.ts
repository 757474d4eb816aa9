// Capabilities: short texts, signed with HMAC-SHA256, that let one node read one blob, or send blobs
// up to a size, until they expire. They say nothing about what is in the store.

import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DataFolderError, writeDurably } from '../durable-file.ts';

/** What a capability allows. */
export type Scope =
  | {
      readonly kind: 'get';
      readonly nodeId: string;
      readonly sha256: string;
      /** The task whose node keeps it, as long as it is not here. */
      readonly kept?: KeptBy;
    }
  | {
      readonly kind: 'put';
      readonly nodeId: string;
      readonly maxBytes: number;
      /** The right ends with this lease; null: with its time alone. */
      readonly leaseId: number | null;
    };

export interface KeptBy {
  readonly jobId: string;
  readonly taskIndex: number;
  readonly sizeBytes: number;
}

export type Capability = Scope & { readonly expiresUnixMs: number };

/** Reads the key in the data folder, or makes it (32 bytes, mode 0600). */
export function loadCapabilityKey(dataFolder: string): Buffer {
  const file = path.join(dataFolder, 'capability.key');
  if (!existsSync(file)) writeDurably(file, randomBytes(32));
  const key = readFileSync(file);
  if (key.length === 32) return key;
  throw new DataFolderError(
    `${file}: want a key of 32 bytes, found ${key.length}: remove it, then start again`,
  );
}

/** Signs and checks capabilities with one key. */
export class CapabilitySigner {
  readonly #key: KeyObject;

  constructor(key: Buffer) {
    this.#key = createSecretKey(key);
  }

  sign(capability: Capability): string {
    const c = capability;
    const text = JSON.stringify([c.nodeId, c.expiresUnixMs, c.kind, ...fieldsOf(c)]);
    const payload = Buffer.from(text).toString('base64url');
    return `${payload}.${this.#mac(payload).toString('base64url')}`;
  }

  /** The capability, or undefined when it was not signed here or has expired at `nowUnixMs`. */
  verify(text: string, nowUnixMs: number): Capability | undefined {
    if (text.length > 1024) return undefined;
    const [payload, mac, ...rest] = text.split('.');
    if (payload === undefined || mac === undefined || rest.length > 0) return undefined;
    const found = Buffer.from(mac, 'base64url');
    const wanted = this.#mac(payload);
    if (found.length !== wanted.length || !timingSafeEqual(found, wanted)) return undefined;
    // The signature says that `sign` made it, so its shape is known.
    const fields: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const capability = Array.isArray(fields) ? read(fields) : undefined;
    if (capability === undefined || capability.expiresUnixMs <= nowUnixMs) return undefined;
    return capability;
  }

  /** 32 bytes that nodes of one site show each other for this blob. No capability has a space in it. */
  exchangeProof(siteNumber: number, sha256: string): Buffer {
    return this.#mac(`exchange ${siteNumber} ${sha256}`);
  }

  /** 32 bytes that whoever may have outputs of a job shows to nodes of its site that keep them. */
  keepProof(jobId: string): Buffer {
    return this.#mac(`keep ${jobId}`);
  }

  #mac(payload: string): Buffer {
    return createHmac('sha256', this.#key).update(payload).digest();
  }
}

function fieldsOf(scope: Scope): readonly (string | number)[] {
  if (scope.kind === 'get') {
    const { sha256, kept } = scope;
    return kept === undefined ? [sha256] : [sha256, kept.jobId, kept.taskIndex, kept.sizeBytes];
  }
  return scope.leaseId === null ? [scope.maxBytes] : [scope.leaseId, scope.maxBytes];
}

function read([nodeId, expiresUnixMs, kind, ...scope]: readonly unknown[]): Capability | undefined {
  const [first] = scope;
  if (typeof nodeId !== 'string' || typeof expiresUnixMs !== 'number') return undefined;
  if (kind === 'get' && typeof first === 'string') {
    const kept = keptBy(scope.slice(1));
    return { kind, nodeId, sha256: first, ...(kept !== undefined && { kept }), expiresUnixMs };
  }
  const maxBytes = scope.at(-1);
  if (kind === 'put' && typeof first === 'number' && typeof maxBytes === 'number') {
    return { kind, nodeId, leaseId: scope.length > 1 ? first : null, maxBytes, expiresUnixMs };
  }
  return undefined;
}

function keptBy([jobId, taskIndex, sizeBytes]: readonly unknown[]): KeptBy | undefined {
  if (typeof jobId !== 'string') return undefined;
  if (typeof taskIndex !== 'number' || typeof sizeBytes !== 'number') return undefined;
  return { jobId, taskIndex, sizeBytes };
}

// What an attempt's folder says to the next agent, beside the sandbox's own files: whose lease it
// is (lease.json), and that its result was sent (sent.json).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobRef, Exit, Lease } from '../../core/index.ts';
import { writeDurably } from '../state/durable.ts';

export interface LeaseRecord {
  readonly lease: Lease;
  /** In the node's running time. */
  readonly takenAtMs: number;
}

export interface SentRecord {
  /** May be bad_output where the sandbox said succeeded. */
  readonly exit: Exit;
  readonly result: BlobRef | null;
}

export function writeLease(folder: string, record: LeaseRecord): void {
  writeDurably(join(folder, 'lease.json'), JSON.stringify(record));
}

export function writeSent(folder: string, record: SentRecord): void {
  writeDurably(join(folder, 'sent.json'), JSON.stringify(record));
}

/** null where there is none, or a torn one. */
export function readLease(folder: string): LeaseRecord | null {
  // Written by this program only, whole or not at all.
  return read(join(folder, 'lease.json')) as LeaseRecord | null;
}

/** null where there is none, or a torn one: the result is sent again. */
export function readSent(folder: string): SentRecord | null {
  // Written by this program only, whole or not at all.
  return read(join(folder, 'sent.json')) as SentRecord | null;
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch {
    return null;
  }
}

// Before an agent starts: what it writes then (its counts, the test of its sandbox) needs a little room. On a full disk it would end,
// and be started again, for ever, before it could remove an old blob.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readLease } from '../attempts/attempt-record.ts';
import { KeptRecords } from '../kept/kept-records.ts';
import { defaultLimits, readKnownLimits, type Limits } from '../owner/limits.ts';
import { diskFree } from '../sandbox/disk-use.ts';
import type { StateFolder } from '../state/state-folder.ts';
import { Cache } from './cache.ts';
import { DiskRoom } from './disk-room.ts';

export const leastFreeBytes = 1_000_000;

export interface RoomToStart {
  /** Told once, when there is none. */
  readonly onFull: (freeBytes: number) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  /** Until it looks again, in milliseconds. */
  readonly againMs?: number;
}

/** What the cache has its share of. */
export function cacheOf(state: StateFolder): Cache {
  return new Cache(['blobs', 'bundles', 'checkpoints'].map((name) => state.file(name)));
}

/** Where the disk is short old blobs go, but none that a task of before still needs or that is kept for others; then it waits for room. */
export async function roomToStart(state: StateFolder, options: RoomToStart): Promise<void> {
  const { onFull, log, againMs = 5_000 } = options;
  const none: ReadonlySet<string> = new Set();
  const freeBytes = (): number => diskFree(state.path);
  const room = new DiskRoom({
    ...{ cache: cacheOf(state), freeBytes, log, limits: () => limitsOf(state) },
    inUse: () =>
      new Set([...blobsOfAttempts(state.file('attempts')), ...keptBlobs(state.file('kept'))]),
    ...{ pinned: () => none, onTrimmed: () => Promise.resolve() },
  });
  if (room.isShort) await room.trim();
  let isTold = false;
  while (freeBytes() < leastFreeBytes) {
    if (!isTold) onFull(freeBytes());
    isTold = true;
    await new Promise((resolve) => setTimeout(resolve, againMs));
    await room.trim();
  }
}

function limitsOf(state: StateFolder): Limits {
  try {
    return readKnownLimits(state.file('limits.json')).limits;
  } catch {
    // The agent says what is wrong with them.
    return defaultLimits;
  }
}

/** Outputs that are nowhere else, perhaps. */
function keptBlobs(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const records = new KeptRecords(folder);
  records.start();
  return [...records.jobs.values()].flatMap(({ blobs }) => [...blobs.keys()]);
}

function blobsOfAttempts(folder: string): ReadonlySet<string> {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const leases = names.map((name) => readLease(join(folder, name))?.lease);
  return new Set(
    leases.flatMap((lease) =>
      lease === undefined ? [] : [lease.bundle, ...lease.inputs].map(({ sha256 }) => sha256),
    ),
  );
}

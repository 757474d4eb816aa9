// What an attempt left behind once nobody watches it any more.

import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Exit } from '../../core/index.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { writeDurably } from '../state/durable.ts';
import { attemptFiles, attemptMark, readExit, readSpec } from './attempt-spec.ts';
import { keepCheckpoint } from './checkpoint.ts';
import { cgroupOf, type Cgroup } from './cgroup.ts';
import { leftoversOf, signalAll } from './task-processes.ts';

/** Processes that SIGKILL has ended are gone a moment later. */
const rounds = 50;
const roundMs = 10;

/** The end of an attempt whose shim is gone; without exit.json its remains are ended as `lost`. Its
 * checkpoint is laid aside. */
export async function settle(folder: string): Promise<Exit> {
  const exit = readExit(folder) ?? (await endRemains(folder));
  keepCheckpoint(folder);
  return exit;
}

async function endRemains(folder: string): Promise<Exit> {
  const cgroup = groupIn(folder);
  for (let round = 0; round < rounds; round += 1) {
    const left = leftoversOf(folder);
    signalAll(left, 'SIGKILL');
    const isEmpty = cgroup?.kill() ?? true;
    if (isEmpty && left.length === 0 && (cgroup?.remove() ?? true)) break;
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
  const detail = 'the process that watched the task vanished (killed, or the node lost power)';
  const lost: Exit = { code: 'lost', exitCode: -1, cpuMs: 0, wallMs: 0, detail };
  try {
    writeDurably(join(folder, attemptFiles.exit), JSON.stringify(lost));
  } catch (error) {
    // It is told all the same; the next start would find it lost again.
    if (!isDiskFull(error)) throw error;
  }
  return lost;
}

function groupIn(folder: string): Cgroup | null {
  try {
    return cgroupOf(readSpec(folder).backend, attemptMark(folder));
  } catch {
    // Its attempt.json is gone: nobody knows what held it.
    return null;
  }
}

/**
 * Removes the folder of an attempt that never started. False when its shim came up after all: it
 * finds its folder again, and runs.
 */
export async function discard(folder: string): Promise<boolean> {
  // Not the pid: an agent that was killed here may have had the same one.
  const aside = join(dirname(folder), `unstarted-${randomBytes(8).toString('hex')}`);
  await rename(folder, aside);
  if (existsSync(join(aside, attemptFiles.shim))) {
    await rename(aside, folder);
    return false;
  }
  keepCheckpoint(aside);
  await rm(aside, { recursive: true, force: true });
  return true;
}

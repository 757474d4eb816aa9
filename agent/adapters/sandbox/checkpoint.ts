// What a task leaves in its checkpoint folder, for its next attempt on this node. While an attempt is
// there the folder is part of its work folder, and counts as such; between attempts it lies aside.

import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type AttemptSpec, readExit, readSpec } from './attempt-spec.ts';
import { diskUse } from './disk-use.ts';

/** In the work folder. */
const folderName = 'checkpoint';

/** Where the checkpoint of a task lies between its attempts: a name for each task. */
export function checkpointOf(
  folder: string,
  { jobId, taskIndex }: { readonly jobId: string; readonly taskIndex: number },
): string {
  if (!/^[\w-]+$/.test(jobId)) throw new Error(`no id of a job: ${jobId}`);
  return join(folder, `${jobId}.${taskIndex}`);
}

/** Where the task finds it, its work folder being there. */
export function checkpointIn(workPath: string): string {
  return join(workPath, folderName);
}

/** Puts what the last attempt left, or an empty folder, into the work folder. May be repeated. */
export function takeCheckpoint({ workPath, checkpointPath }: AttemptSpec): void {
  const here = checkpointIn(workPath);
  if (checkpointPath === null || existsSync(here)) return;
  if (existsSync(checkpointPath)) renameSync(checkpointPath, here);
  else mkdirSync(here);
}

/**
 * Lays the checkpoint of an attempt that has ended, or never started, aside. It goes with the attempt
 * where that succeeded: the task is done. To be called when no process of the task is left.
 */
export function keepCheckpoint(attemptFolder: string): void {
  const spec = specOf(attemptFolder);
  if (spec === null || readExit(attemptFolder)?.code === 'succeeded') return;
  const { workPath, checkpointPath, diskBytes } = spec;
  // The whole attempt may lie aside itself.
  const left = join(attemptFolder, basename(workPath), folderName);
  // The task may have put anything in its place; a link would lead the next attempt elsewhere.
  if (checkpointPath === null || !isFolder(left)) return;
  // One that fills the limit alone would end each next attempt; one that cannot be counted would
  // make the owner's limit of the cache meaningless.
  if (diskUse(left) > diskBytes) return;
  try {
    rmSync(checkpointPath, { recursive: true, force: true });
    renameSync(left, checkpointPath);
    // When the disk is short, what lies there longest goes first.
    const now = new Date();
    utimesSync(checkpointPath, now, now);
  } catch {
    // On a disk that fails the next attempt begins anew; how this one ended is told all the same.
  }
}

function specOf(attemptFolder: string): AttemptSpec | null {
  try {
    return readSpec(attemptFolder);
  } catch {
    return null;
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

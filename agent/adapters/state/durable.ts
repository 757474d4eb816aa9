// Files that a reader sees whole or not at all, whenever the process is killed or the power fails.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes by temporary name, fsync and rename; where that fails, on a full disk say, nothing is left of it. */
export function writeDurably(file: string, text: string): void {
  const temporary = temporaryOf(file);
  try {
    writeSynced(temporary, text);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(file));
}

function writeSynced(file: string, text: string): void {
  const handle = openSync(file, 'w', 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Writes so that readers see it at once; on disk it is when the function that this returns was
 * called. Without that call only a loss of power can undo it. Where it fails nothing is left of it.
 */
export function writeAtOnce(file: string, text: string): () => void {
  const temporary = temporaryOf(file);
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(handle, text);
    renameSync(temporary, file);
  } catch (error) {
    closeSync(handle);
    rmSync(temporary, { force: true });
    throw error;
  }
  return () => {
    fsyncSync(handle);
    closeSync(handle);
    syncFolder(dirname(file));
  };
}

function temporaryOf(file: string): string {
  return `${file}.${process.pid}.new`;
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

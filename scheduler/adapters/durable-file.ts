// Small files of the data folder that must survive: written whole or not at all, whenever the
// process or the machine dies.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file of the data folder is not what it must be; only its operator can mend that. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

/** Replaces the file: whoever reads it finds the old text or the new one. Mode 0600. */
export function writeDurably(file: string, text: string | Uint8Array): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, text, { mode: 0o600, flush: true });
  renameSync(temporary, file);
  syncFolder(dirname(file));
}

/** A new name is on disk only when its folder is. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/** The file's text, or null when there is none. */
export function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new DataFolderError(`${file} can't be read (${String(error)}): check its owner and mode`);
  }
}

// Small files of the data folder that must survive: written whole or not at all, whenever the
// process or the machine dies.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

/** A file of the data folder is not what it must be; only its operator can mend that. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

/**
 * Makes a folder, and those above it, unless they are there. Node's recursive mkdir is not
 * used: under a link to a disk that is not mounted, and in /proc, it tries for ever.
 */
export function makeFolder(folder: string): void {
  try {
    const missing: string[] = [];
    for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.push(at);
    for (const each of missing.reverse()) mkdirSync(each, { mode: 0o700 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const what = `wanted a folder, and can't make it (${why}): name another one, or let me make it`;
    throw new DataFolderError(`${folder}: ${what}`);
  }
  if (statSync(folder).isDirectory()) return;
  throw new DataFolderError(`${folder}: wanted a folder, found a file: name another one`);
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

// Makes a folder that a user named, and those above it.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { badInput, codeOf } from './errors.ts';

/**
 * Throws a CliError when it is none, or can't be made. Node's recursive mkdir is not used: under a
 * link to nowhere, and in /proc, it tries for ever.
 */
export function makeFolder(folder: string): void {
  try {
    const missing: string[] = [];
    for (let at = path.resolve(folder); !existsSync(at); at = path.dirname(at)) missing.push(at);
    for (const each of missing.reverse()) mkdirSync(each);
  } catch (cause) {
    const message = `${folder}: wanted a folder, and can't make it (${codeOf(cause)}): name another one`;
    throw badInput(message, cause);
  }
  if (statSync(folder).isDirectory()) return;
  throw badInput(`${folder}: wanted a folder, found a file: name another one`);
}

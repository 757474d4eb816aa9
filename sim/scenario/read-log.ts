// The log of a scenario's jobs, a file of its own: as it is, or as gzip.

import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { InputError } from './read.ts';
import type { Scenario } from './schema.ts';
import type { SwfLog } from './swf.ts';
import { parseSwf } from './swf.ts';

/**
 * Null: the scenario has jobs of its own.
 *
 * @throws {InputError} when the file is not there, is cut short, or is no log.
 */
export function readLog({ name, log }: Scenario): SwfLog | null {
  if (log === undefined) return null;
  const { swf, source } = log;
  if (existsSync(swf)) return parseSwf(swf, textOf(swf, read(swf)));
  throw new InputError(
    `The scenario ${name} runs the jobs of a log that does not come with it: wanted ${swf}, and it is not there. Get it from ${source}, and name it: ${name}=FILE.`,
  );
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new InputError(`${file}: cannot read this log: ${String(cause)}`, { cause });
  }
}

function textOf(file: string, bytes: Buffer): string {
  const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isZipped) {
    if (!file.endsWith('.gz')) return bytes.toString();
    throw new InputError(`${file}: wanted gzip by its name, found something else.`);
  }
  try {
    return gunzipSync(bytes).toString();
  } catch (cause) {
    const isCut = cause instanceof Error && 'code' in cause && cause.code === 'Z_BUF_ERROR';
    const what = isCut ? 'it is cut short: fetch it again' : `it is damaged (${String(cause)})`;
    throw new InputError(`${file}: wanted a whole gzip file, but ${what}.`, { cause });
  }
}

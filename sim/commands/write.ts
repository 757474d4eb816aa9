// The folder of a command's results, and the report in it.

import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { commitText } from '../report/page/origin.ts';
import type { Origin, Report } from '../report/page/report.ts';
import { InputError, scenarioText } from '../scenario/read.ts';

/**
 * Before anything runs, which may take hours.
 *
 * @throws {InputError} when it cannot be made.
 */
export function makeFolder(out: string | undefined): void {
  if (out === undefined) return;
  try {
    makeAll(out);
    accessSync(out, constants.W_OK);
  } catch (cause) {
    const text = `--out ${out}: wanted a folder to write to, found ${String(cause)}: name another one.`;
    throw new InputError(text, { cause });
  }
}

/** One inside the other. Node.js's own way, `recursive`, never ends where none can be made, as in /proc. */
function makeAll(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  makeAll(dirname(folder));
  mkdirSync(folder);
}

export function originOf(scenario: string, words: readonly string[]): Origin {
  const command = ['punnet sim', ...words].join(' ');
  return { command, commit: commitText(), scenarioText: scenarioText(scenario) };
}

export async function write(folder: string, report: Report): Promise<void> {
  // The drawing library takes longer to load than a small run.
  const { pageFile, writeReport } = await import('../report/page/write-report.ts');
  await writeReport(folder, report);
  process.stdout.write(`${folder}: ${[pageFile, ...report.tables].join(', ')}, figures/\n`);
}

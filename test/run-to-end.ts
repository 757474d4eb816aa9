// A program that a test runs to its end while it does nothing else.

import { spawnSync } from 'node:child_process';
import { patienceMs } from './integration/program.ts';

export interface RanToEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One that hangs is ended: no timeout of a test can, since nothing runs beside it. */
export function runToEnd(
  file: string,
  words: readonly string[],
  where: { readonly cwd?: string; readonly input?: string } = {},
): RanToEnd {
  const end = { timeout: patienceMs, killSignal: 'SIGKILL' } as const;
  return spawnSync(file, words, { ...where, ...end, encoding: 'utf8' });
}

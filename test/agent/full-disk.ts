// A disk that is full, without one.

import { execFileSync } from 'node:child_process';

/** Until the step has ended each file of this process takes so many bytes, and a write over that a piece, then none. */
export async function withFilesOf(bytesMost: number, step: () => Promise<void>): Promise<void> {
  const limit = (most: string): void => {
    execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${most}:`]);
  };
  limit(String(bytesMost));
  try {
    await step();
  } finally {
    limit('unlimited');
  }
}

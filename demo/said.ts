// Waits for what a program that was started says.

import type { ChildProcess } from 'node:child_process';

/** Resolves when it has said so. Throws when it has ended before, with its last words, or by the signal. */
export async function said(child: ChildProcess, text: string, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  await new Promise<void>((resolve, reject) => {
    let words = '';
    const read = (part: Buffer): void => {
      words = (words + part.toString()).slice(-10_000);
      if (words.includes(text)) resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('close', () => reject(new Error(`${child.spawnargs.join(' ')} ended:\n${words}`)));
    child.once('error', reject);
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true, signal: over.signal });
  }).finally(() => over.abort());
}

// Ends the tasks that stopped agents left running, each by the shim that watches it.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const patienceMs = 10_000;

/** Resolves when the tasks of these nodes are gone, or do not go. */
export async function endTasks(nodeFolders: readonly string[]): Promise<void> {
  const attempts = nodeFolders.map((folder) => join(folder, 'attempts')).filter(existsSync);
  const folders = attempts.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map((name) => join(folder, name)),
  );
  // A shim that is not up yet finds the word.
  const word = JSON.stringify({ code: 'owner', detail: 'the demo was stopped' });
  for (const folder of folders) writeFileSync(join(folder, 'stop'), word);
  for (const pid of folders.flatMap(shimsOf)) process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + patienceMs;
  while (folders.some((folder) => shimsOf(folder).length > 0)) {
    if (performance.now() > deadline) throw new Error(`tasks run on: ${folders.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The process that watches an attempt, while it runs. */
function shimsOf(attemptFolder: string): readonly number[] {
  try {
    const text = readFileSync(join(attemptFolder, 'shim.json'), 'utf8');
    const { pid } = JSON.parse(text) as { readonly pid: number };
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('shim') ? [pid] : [];
  } catch {
    return [];
  }
}

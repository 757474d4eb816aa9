// kill -9 in the middle of a snapshot: while it is written, when it has its name, and while what it
// makes needless goes. The next process finds all that was acknowledged, and goes on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, it } from 'vitest';
import { bundleInto } from '../../bundle-into.ts';
import { JournalFolder } from './journal-folder.ts';
import { stateIn } from './story.ts';

const folder = new JournalFolder();
const bundles = mkdtempSync(join(tmpdir(), 'punnet-snapshotting-'));
const program = bundleInto(
  bundles,
  'snapshotting.mjs',
  "import './test/scheduler/journal/snapshotting.ts';",
);
/** Its thread has a file of its own beside it. */
bundleInto(
  bundles,
  'snapshot-worker.mjs',
  "import './scheduler/adapters/journal/snapshot-worker.ts';",
);
afterAll(() => {
  folder.remove();
  rmSync(bundles, { recursive: true });
});

/** Starts the process, kills it at that moment; returns how many batches it had acknowledged. */
async function killWhen(isMoment: (name: string, change: number) => boolean): Promise<number> {
  let changes = 0;
  let acknowledged = 0;
  const watcher = watch(folder.path);
  const child = spawn(process.execPath, [program, folder.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => (acknowledged = Number(line)));
  watcher.on('change', (_, name) => {
    if (isMoment(String(name), (changes += 1))) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'close');
  watcher.close();
  expect(signal).toBe('SIGKILL');
  return acknowledged;
}

let seen = 0;
const isGone = (name: string): boolean => !existsSync(folder.file(name));
const moments: readonly (readonly [string, (name: string) => boolean])[] = [
  ['begins to be written', (name) => name.endsWith('.new')],
  ['is half written', (name) => name.endsWith('.new') && (seen += 1) === 8],
  ['gets its name', (name) => name.endsWith('.snapshot') && existsSync(folder.file(name))],
  ['has made an older one needless', (name) => name.endsWith('.snapshot') && isGone(name)],
  ['has made a segment needless', (name) => name.endsWith('.segment') && isGone(name)],
];

it.each(moments)(
  'loses nothing when the process is killed as a snapshot %s',
  async (_, isMoment) => {
    const acknowledged = await killWhen(isMoment);
    const reading = await folder.read();
    expect(acknowledged).toBeGreaterThan(0);
    expect(reading.sequence).toBeGreaterThanOrEqual(acknowledged);
    const state = stateIn(reading);
    // The first batch is the job; each after it is a site.
    expect(state.sites).toHaveLength(reading.sequence - 1);
    expect(state.jobs.get(0)?.template.taskCount).toBe(200_000);
  },
);

// How long a snapshot stops everything: the copy of the state between two batches, and the handing
// over to the thread that writes it.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../scheduler/adapters/journal/file-journal.ts';
import type { State, StateImage } from '../scheduler/core/index.ts';
import { imageOf, stateOf } from '../scheduler/core/index.ts';
import { busyState } from './busy-state.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';

const scales = {
  full: { nodes: 1_000, tasks: 100_000, runs: 15 },
  tiny: { nodes: 10, tasks: 1_000, runs: 2 },
} as const;

export const snapshot: Benchmark = {
  name: 'snapshot',
  about: 'the pause of a snapshot at 100,000 tasks and 1,000 nodes',
  async run(size: Size): Promise<Outcome> {
    const { nodes, tasks, runs } = scales[size];
    const state = busyState({ nodes, tasks });
    const folder = mkdtempSync(join(tmpdir(), 'punnet-bench-'));
    try {
      const journal = FileJournal.open(folder);
      for await (const _ of (await journal.recover()).batches) throw new Error('it is not empty');
      const pauses: number[] = [];
      const copies: number[] = [];
      for (let run = 0; run < runs; run += 1) {
        copies.push(timeCopy(imageOf(state)));
        const startMs = performance.now();
        const writing = journal.snapshot(imageOf(state), run + 1);
        pauses.push(performance.now() - startMs);
        await writing;
      }
      await journal.close();
      const digest = await readBack(folder, state);
      return {
        digest,
        figures: [
          {
            what: `snapshot pause at ${tasks.toLocaleString('en-US')} tasks`,
            ...{ unit: 'ms', values: pauses, wanted: { atMost: 20 } },
            baseline: { what: 'copy of the same bytes', values: copies },
          },
        ],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function timeCopy(image: StateImage): number {
  const bytes = Object.values(image.columns).map((column) => Buffer.from(column.buffer));
  const startMs = performance.now();
  const copies = bytes.map((each) => Buffer.from(each));
  const spanMs = performance.now() - startMs;
  if (copies.length !== bytes.length) throw new Error('the copies are not there');
  return spanMs;
}

/** The last snapshot must give the same state. */
async function readBack(folder: string, state: State): Promise<string> {
  const { image } = await FileJournal.open(folder).recover();
  if (image === undefined) throw new Error('there is no snapshot');
  const [found, wanted] = [digestOf(imageOf(stateOf(image))), digestOf(imageOf(state))];
  if (found !== wanted) throw new Error(`the snapshot reads back as ${found}, not ${wanted}`);
  return found;
}

function digestOf({ document, columns }: StateImage): string {
  const hash = createHash('sha256').update(JSON.stringify(document));
  for (const column of Object.values(columns)) hash.update(new Uint8Array(column.buffer));
  return hash.digest('hex').slice(0, 16);
}

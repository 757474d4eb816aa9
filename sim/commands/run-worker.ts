// A process of the pool: runs what it is told, one run at a time, until its parent goes.

import process from 'node:process';
import { failureOf } from './failure.ts';
import type { WantedRun } from './run-here.ts';
import type { Answer } from './run-pool.ts';
import { runWatched } from './run-watched.ts';

process.on('message', (wanted: WantedRun) => {
  void answer(wanted).then((answered) => process.send?.(answered));
});
process.once('disconnect', () => process.exit(0));

async function answer(wanted: WantedRun): Promise<Answer> {
  try {
    return { kind: 'done', ran: await runWatched(wanted, () => undefined) };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  }
}

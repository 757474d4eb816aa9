// A process of the pool: runs what it is told, one run at a time, until its parent goes.

import process from 'node:process';
import { failureOf } from './failure.ts';
import type { OnProgress, WantedRun } from './run-here.ts';
import type { Answer, Said } from './run-pool.ts';
import { runWatched } from './run-watched.ts';

const tellEveryMs = 500;

process.on('message', (wanted: WantedRun) => {
  void answer(wanted).then((answered) => process.send?.(answered));
});
process.once('disconnect', () => process.exit(0));

async function answer(wanted: WantedRun): Promise<Answer> {
  try {
    return { kind: 'done', ran: await runWatched(wanted, tellNowAndThen()) };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  }
}

function tellNowAndThen(): OnProgress {
  let toldAt = performance.now();
  return (progress) => {
    const now = performance.now();
    if (now - toldAt < tellEveryMs) return;
    toldAt = now;
    process.send?.({ kind: 'progress', progress } satisfies Said);
  };
}

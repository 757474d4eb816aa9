// A process of the pool: runs what it is told, one run at a time, until its parent goes.

import process from 'node:process';
import type { ReleaseRun, WantedRelease } from '../distribution/simulate-release.ts';
import { simulateRelease } from '../distribution/simulate-release.ts';
import { isPolicyFile } from '../run/choose-policy.ts';
import { failureOf } from './failure.ts';
import type { OnProgress, Ran, WantedRun } from './run-here.ts';
import { runHere } from './run-here.ts';
import type { Answer, Said } from './run-pool.ts';
import { runWatched } from './run-watched.ts';

const tellEveryMs = 500;

type Wanted = WantedRun | WantedRelease;
type Done = Ran | ReleaseRun;

process.on('message', (wanted: Wanted) => {
  void answer(wanted).then((answered) => process.send?.(answered));
});
process.once('disconnect', () => process.exit(0));

async function answer(wanted: Wanted): Promise<Answer<Done>> {
  try {
    return { kind: 'done', ran: await run(wanted, tellNowAndThen()) };
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  }
}

async function run(wanted: Wanted, onPart: (part: number) => void): Promise<Done> {
  if ('kind' in wanted) return simulateRelease(wanted, onPart);
  const onProgress: OnProgress = ({ tasksLeft, tasks }) => onPart(1 - tasksLeft / tasks);
  // This process has the memory: only a policy that may loop needs a thread.
  return isPolicyFile(wanted.policy) ? runWatched(wanted, onProgress) : runHere(wanted, onProgress);
}

function tellNowAndThen(): (part: number) => void {
  let toldAt = performance.now();
  return (part) => {
    const now = performance.now();
    if (now - toldAt < tellEveryMs) return;
    toldAt = now;
    process.send?.({ kind: 'progress', part } satisfies Said<Done>);
  };
}

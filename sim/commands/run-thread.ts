// The thread of a run. A policy of a researcher's own is watched there, by whoever started it.

import { parentPort, workerData } from 'node:worker_threads';
import type { Policy } from '../../scheduler/core/index.ts';
import { isPolicyFile } from '../run/choose-policy.ts';
import { Question, watchedPolicy } from '../run/watched-policy.ts';
import { failureOf } from './failure.ts';
import type { OnProgress, Ran } from './run-here.ts';
import { runHere } from './run-here.ts';
import type { Said, ThreadData } from './run-watched.ts';

// Only run-watched starts this.
const { wanted, memory } = workerData as ThreadData;
const question = new Question(memory);
const say = (said: Said): void => parentPort?.postMessage(said);

void main();

async function main(): Promise<void> {
  const onProgress: OnProgress = (progress) => say({ kind: 'progress', progress });
  try {
    const ran = isPolicyFile(wanted.policy)
      ? await runWithFile(onProgress)
      : await runHere(wanted, onProgress);
    say({ kind: 'done', ran });
  } catch (error) {
    say({ kind: 'failed', failure: failureOf(error) });
  }
}

function runWithFile(onProgress: OnProgress): Promise<Ran> {
  // What stands at the top of a policy's file may loop, too.
  question.say('to load, before anything else');
  question.step();
  return runHere(wanted, onProgress, loaded);
}

function loaded(policy: Policy): Policy {
  question.step();
  return watchedPolicy(policy, question);
}

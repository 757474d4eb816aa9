// The thread of a run with a policy of a researcher's own.

import { parentPort, workerData } from 'node:worker_threads';
import type { Policy } from '../../scheduler/core/index.ts';
import { Question, watchedPolicy } from '../run/watched-policy.ts';
import { failureOf } from './failure.ts';
import { runHere } from './run-here.ts';
import type { Said, ThreadData } from './run-watched.ts';

// Only run-watched starts this.
const { wanted, memory } = workerData as ThreadData;
const question = new Question(memory);
const say = (said: Said): void => parentPort?.postMessage(said);

void main();

async function main(): Promise<void> {
  // What stands at the top of a policy's file may loop, too.
  question.say('to load, before anything else');
  question.step();
  try {
    const ran = await runHere(wanted, (progress) => say({ kind: 'progress', progress }), loaded);
    say({ kind: 'done', ran });
  } catch (error) {
    say({ kind: 'failed', failure: failureOf(error) });
  }
}

function loaded(policy: Policy): Policy {
  question.step();
  return watchedPolicy(policy, question);
}

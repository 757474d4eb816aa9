// A run in a thread of its own: Node.js gives only threads and processes that are started the memory that a
// run is fast with, and nothing else ends a researcher's policy that loops for ever. What such a one is being
// asked is looked at from here.

import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { startThread } from '../../scheduler/adapters/thread.ts';
import { CheckFailed } from '../run/checks.ts';
import { Question } from '../run/watched-policy.ts';
import type { Failure } from './failure.ts';
import { errorOf, outOfMemory } from './failure.ts';
import type { OnProgress, Ran, WantedRun } from './run-here.ts';
import { heapMb, v8Flag, youngMb } from './run-memory.ts';
import type { Progress } from '../run/run.ts';

/** What the thread says. */
export type Said =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly ran: Ran }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface ThreadData {
  readonly wanted: WantedRun;
  readonly memory: SharedArrayBuffer;
}

const lookEveryMs = 100;

export async function runWatched(wanted: WantedRun, onProgress: OnProgress): Promise<Ran> {
  const question = new Question();
  const data: ThreadData = { wanted, memory: question.memory };
  const resourceLimits = { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngMb };
  setFlagsFromString(v8Flag);
  const thread = startThread(import.meta.url, 'run-thread', { workerData: data, resourceLimits });
  let watch: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Ran>((resolve, reject) => {
      // Only run-thread writes here.
      thread.on('message', (said: Said) => {
        if (said.kind === 'progress') onProgress(said.progress);
        else if (said.kind === 'done') resolve(said.ran);
        else reject(errorOf(said.failure));
      });
      thread.once('error', (error) => reject(outOfMemory(error, whereOf(wanted)) ?? error));
      thread.once('exit', (code) => {
        const what = `its thread ended (${code}) before the run did; does the policy end the process?`;
        reject(new CheckFailed(`${whereOf(wanted)}: ${what}`));
      });
      watch = watchQuestion(question, wanted, reject);
    });
  } finally {
    clearInterval(watch);
    await thread.terminate();
  }
}

function watchQuestion(
  question: Question,
  wanted: WantedRun,
  onSilence: (error: CheckFailed) => void,
): NodeJS.Timeout {
  let turn = question.turn;
  let since = timesNow();
  return setInterval(() => {
    const now = timesNow();
    const silentMs = now.wallMs - since.wallMs;
    if (question.turn !== turn || !question.isOpen) {
      turn = question.turn;
      since = now;
    } else if (isTooLong({ silentMs, cpuMs: now.cpuMs - since.cpuMs }, wanted.patienceMs)) {
      const asked = `the policy was asked ${question.text}, and has not answered for ${Math.round(silentMs / 1000)} s`;
      const remedy =
        'does it loop? One that thinks for longer is waited for with --patience SECONDS';
      onSilence(new CheckFailed(`${whereOf(wanted)}: ${asked}: ${remedy}.`));
    }
  }, lookEveryMs);
}

/** Of this process, in which nothing else computes while a policy is asked. */
function timesNow(): { readonly wallMs: number; readonly cpuMs: number } {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1000 };
}

/** On a busy machine a policy may wait for its CPU: what counts is how long it computed. One that sleeps is waited for ten times as long. */
function isTooLong(
  { silentMs, cpuMs }: { readonly silentMs: number; readonly cpuMs: number },
  patienceMs: number,
): boolean {
  return Math.min(silentMs, cpuMs) > patienceMs || silentMs > 10 * patienceMs;
}

function whereOf({ scenario, policy, seed }: WantedRun): string {
  return `scenario ${scenario}, policy ${policy}, seed ${seed}`;
}

// Does what a plan says, one step after another. Each step may be done again without harm, so that an
// installation that ended half way is run again and goes on.

import { spawnSync } from 'node:child_process';
import { chownSync, existsSync } from 'node:fs';
import { AgentError, StateFolder } from '../adapters/state/state-folder.ts';
import { userOf } from './owner-of.ts';
import type { Step } from './plan.ts';
import { titleOf } from './texts.ts';

export interface Task {
  readonly steps: readonly Step[];
  readonly stateFolder: string;
  /** The agent's own, for the enrolment. */
  readonly program: string;
  /** Used by the enrolment alone. */
  readonly token: string;
  readonly name: string | undefined;
}

/** Throws AgentError with the step that failed; what was done before stays. */
export function applyPlan({ steps, ...task }: Task, say: (line: string) => unknown): void {
  for (const [index, step] of steps.entries()) {
    const place = `${index + 1} of ${steps.length}`;
    say(`${place}: ${titleOf(step)}.`);
    try {
      applyStep(step, task);
    } catch (error) {
      throw new AgentError(
        `Step ${place} (${titleOf(step)}) failed: ${wordsFor(error)} What was done before it stays; run the same command again, and it goes on from here.`,
        { cause: error },
      );
    }
  }
}

function wordsFor(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return 'the disk is full. Make room on it (sudo apt-get clean helps).';
  return message;
}

function applyStep(step: Step, { stateFolder, program, token, name }: Omit<Task, 'steps'>): void {
  switch (step.kind) {
    case 'packages':
      call(['apt-get', 'update', '-qq']);
      return call(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...step.names]);
    case 'folder':
      return makeFolder(step.path);
    case 'enrol': {
      const named = name === undefined ? [] : ['--name', name];
      const words = ['enrol', step.url, '--token-file', '-', '--state', stateFolder, ...named];
      return call([process.execPath, program, ...words], token);
    }
    case 'start':
      // The one who stopped it may have disabled it.
      return call(['systemctl', 'enable', '--now', step.unit]);
    case 'apt':
      return call([process.execPath, program, 'limits', '--apt', 'on', '--state', stateFolder]);
  }
}

/** It belongs to the user that the service runs as, where there is one. */
function makeFolder(path: string): void {
  if (!existsSync(path)) new StateFolder(path).create();
  const user = userOf('punnet-agent');
  if (user !== null) chownSync(path, user.uid, user.gid);
}

/** Runs it to its end. Throws with its last words when that is not a good one. */
function call([file = '', ...words]: readonly string[], input = ''): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const ran = spawnSync(file, words, { input, env, encoding: 'utf8', maxBuffer: 16 << 20 });
  if (ran.error !== undefined) throw ran.error;
  if (ran.status === 0) return;
  const said = ran.stderr
    .trim()
    .split('\n')
    .slice(-5)
    .join('\n')
    .replace(/^punnet-agent: /, '');
  throw new Error(said === '' ? `${file} ended with ${ran.status ?? ran.signal}.` : said);
}

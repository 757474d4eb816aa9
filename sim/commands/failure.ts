// Why a run failed, on its way between processes and threads.

import { CheckFailed } from '../run/checks.ts';
import { InputError } from '../scenario/read.ts';
import { heapMb } from './run-memory.ts';

export interface Failure {
  readonly why: string;
  readonly isStuck: boolean;
  /** Whoever ran the command can mend it. */
  readonly isInput: boolean;
}

export function failureOf(error: unknown): Failure {
  const why = error instanceof Error ? error.message : String(error);
  const isStuck = error instanceof CheckFailed && error.isStuck;
  return { why, isStuck, isInput: error instanceof InputError };
}

export function errorOf({ why, isStuck, isInput }: Failure): Error {
  return isInput ? new InputError(why) : new CheckFailed(why, { isStuck });
}

/** What ended a run's thread, if that is a world that is too large or a policy that keeps too much: both can be mended. */
export function outOfMemory(error: Error, where: string): CheckFailed | null {
  if (!('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return null;
  const what = `wanted at most ${heapMb} MB of memory, three quarters of this machine's, and more was taken`;
  const remedy =
    'run a smaller scenario, or use a machine with more; a policy in a file may keep too much';
  return new CheckFailed(`${where}: ${what}: ${remedy}.`, { cause: error });
}

// Why a run failed, on its way between processes and threads.

import { CheckFailed } from '../run/checks.ts';
import { InputError } from '../scenario/read.ts';

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

// What `decide` returns, and the small words to say it.

import type { Answer, CommandRefusal, RefusalCode } from './commands.ts';
import type { Effect } from './effects.ts';
import type { Fact } from './facts.ts';

export interface Decision {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
  readonly answer: Answer;
}

export const nothing: Decision = { facts: [], effects: [], answer: { kind: 'done' } };

export function refuse(code: RefusalCode, reason: string, field = ''): Decision {
  return { ...nothing, answer: refusal(code, reason, field) };
}

export function refusal(code: RefusalCode, reason: string, field = ''): CommandRefusal {
  return { kind: 'refused', code, reason, field };
}

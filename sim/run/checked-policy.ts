// A policy of a researcher's own, who may have made any mistake in it: what it throws is told with the
// rule that threw and the line of her file, and an answer that is none with what was wanted.

import { basename } from 'node:path';
import type { Policy } from '../../scheduler/core/index.ts';
import { askedPolicy } from './asked-policy.ts';
import type { Asked } from './asked-policy.ts';

class PolicyFailed extends Error {
  override readonly name = 'PolicyFailed';
}

export function checkedPolicy(policy: Policy, file: string): Policy {
  return askedPolicy(policy, ({ rule, text }, think) => {
    const answer = thought(rule, think, file);
    const { wanted, isRight } = answers[rule];
    if (isRight(answer)) return answer;
    throw new PolicyFailed(
      `${rule} was asked ${text()}: wanted ${wanted}, found ${foundText(answer)}`,
    );
  });
}

function thought<Answer>(rule: Asked['rule'], think: () => Answer, file: string): Answer {
  try {
    return think();
  } catch (cause) {
    // One rule may have asked for another.
    if (cause instanceof PolicyFailed) throw cause;
    throw new PolicyFailed(`${rule} threw ${String(cause)}${placeIn(file, cause)}`, { cause });
  }
}

/** The first line of the file that is named in the stack. */
function placeIn(file: string, cause: unknown): string {
  const name = basename(file);
  const stack = cause instanceof Error ? (cause.stack ?? '') : '';
  const place = stack.split('\n').find((line) => line.includes(`/${name}`));
  const [, line] = /:(\d+):\d+\)?$/.exec(place ?? '') ?? [];
  return line === undefined ? '' : ` (${name}:${line})`;
}

interface Wanted {
  readonly wanted: string;
  readonly isRight: (answer: unknown) => boolean;
}

const answers: Readonly<Record<Asked['rule'], Wanted>> = {
  'choice.pick': {
    wanted: 'null, or { option, reason } with an option and a number',
    isRight: (answer) => answer === null || (has(answer, 'reason', 'number') && hasOption(answer)),
  },
  hold: {
    wanted: 'null, or { code, reason, remedy } with texts',
    isRight: (answer) =>
      answer === null || ['code', 'reason', 'remedy'].every((each) => has(answer, each, 'string')),
  },
  holdsSite: { wanted: 'true or false', isRight: isBoolean },
  holdsFetch: { wanted: 'true or false', isRight: isBoolean },
  nextTransfers: { wanted: 'a list of transfers', isRight: isListOf('leaseId') },
};

function isBoolean(answer: unknown): boolean {
  return typeof answer === 'boolean';
}

function hasOption(answer: unknown): boolean {
  const option = fieldOf(answer, 'option');
  const parts = ['job', 'node', 'site', 'load', 'cost'];
  return has(option, 'taskIndex', 'number') && parts.every((part) => isThere(option, part));
}

function isListOf(field: string): (answer: unknown) => boolean {
  return (answer) => Array.isArray(answer) && answer.every((each) => isThere(each, field));
}

function isThere(value: unknown, field: string): boolean {
  return (fieldOf(value, field) ?? null) !== null;
}

function has(value: unknown, field: string, type: 'number' | 'string'): boolean {
  return typeof fieldOf(value, field) === type;
}

/** Undefined: it is no object, or has no such field. */
function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Reflect.get(value, field);
}

/** Records of the scheduler are large, and name each other: only what fields there are is told. */
function foundText(answer: unknown): string {
  if (Array.isArray(answer)) return `a list with other things, ${answer.length} in all`;
  if (typeof answer !== 'object' || answer === null) return String(answer);
  return `{ ${Object.keys(answer).join(', ')} }`;
}

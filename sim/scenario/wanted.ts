// What to say of a value in a file that is not what a schema wants: what was wanted, and what was found.

import type { z } from 'zod';

/** Longer ones are cut. */
const mostFoundChars = 60;

/** The issue must know its input: parse with `reportInput`. */
export function wantedText(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return 'there is no such field; is it misspelt?';
  const wanted = wantedOf(issue);
  // What checks of our own say is whole.
  if (wanted === null) return issue.message;
  if (issue.input === undefined) return `wanted ${wanted}, and it is not there`;
  return `wanted ${wanted}, found ${foundText(issue.input)}`;
}

function wantedOf(issue: z.core.$ZodIssue): string | null {
  switch (issue.code) {
    case 'invalid_type':
      return things[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'invalid_format':
      return issue.message;
    case 'too_small':
      return atLeast(issue);
    case 'too_big':
      return `at most ${Number(issue.maximum)}`;
    default:
      return null;
  }
}

function atLeast({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'array') return `a list of at least ${Number(minimum)}`;
  if (origin === 'string') return 'some text';
  return `${inclusive === false ? 'more than' : 'at least'} ${Number(minimum)}`;
}

/** Zod's words, in ours. */
const things: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  string: 'a text',
  object: 'fields with values',
  array: 'a list',
};

function foundText(input: unknown): string {
  if (input === null) return 'nothing';
  const text = typeof input === 'number' ? String(input) : jsonOf(input);
  return text.length <= mostFoundChars ? text : `${text.slice(0, mostFoundChars)}…`;
}

/** Aliases of YAML can make a list hold itself. */
function jsonOf(input: unknown): string {
  try {
    return JSON.stringify(input);
  } catch {
    return 'what holds itself';
  }
}

// Quantities of a scenario file: the units of job files, and beside them ranges and percentages.

import { z } from 'zod';
import { parseQuantity, wrongQuantity } from '../../scheduler/api/quantities.ts';
import type { Unit } from '../../scheduler/api/quantities.ts';

/** Drawn evenly between the two, anew for each thing that has it. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** "20 MB", or "20 MB .. 50 MB". */
export function rangeOf(unit: Unit) {
  return z.unknown().transform((value, context): Range => {
    const parts = textOf(value).split('..');
    const values = parts.map((part) => parseQuantity(part, unit));
    const [from = null, to = from] = values;
    const isRange = parts.length <= 2 && from !== null && to !== null && !values.includes(null);
    if (isRange && from <= to) return { from, to };
    const wrong = parts.find((part) => parseQuantity(part, unit) === null);
    const message =
      wrong === undefined
        ? `wanted a quantity, or two with .. between them and the smaller first, found "${textOf(value)}"`
        : told(value, wrongQuantity(wrong.trim(), unit));
    return refuse(context, message);
  });
}

export function quantityOf(unit: Unit) {
  return z.unknown().transform((value, context): number => {
    const text = textOf(value);
    const number = parseQuantity(text, unit);
    return number ?? refuse(context, told(value, wrongQuantity(text, unit)));
  });
}

/** For what would stand still, or never end, at 0. */
export function moreThanNothing(unit: Unit) {
  return quantityOf(unit).refine((value) => value > 0, { error: nothingFound });
}

export function rangeOfMore(unit: Unit) {
  return rangeOf(unit).refine(({ from }) => from > 0, { error: nothingFound });
}

const nothingFound = 'wanted more than nothing, found 0';

/** "25%", as a part of 1: more than none, and at most all. */
export const percentage = z.unknown().transform((value, context): number => {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(textOf(value));
  const part = Number(match?.[1] ?? 0) / 100;
  if (part > 0 && part <= 1) return part;
  const wanted =
    'wanted a part with a per cent sign, more than 0 % and at most 100 %, such as 25 %';
  return refuse(context, told(value, `${wanted}, found "${textOf(value)}"`));
});

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** A field that is not there finds nothing to name. */
function told(value: unknown, message: string): string {
  return value === undefined ? message.replace(/, found "".*$/, ', and it is not there') : message;
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

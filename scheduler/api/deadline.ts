// The deadline in a job file: a time (RFC 3339), or a span that counts from the submit.

import type { Instant } from '../core/index.ts';
import { instant } from '../core/index.ts';
import type { Violation } from './errors.ts';
import { parseQuantity, span } from './quantities.ts';

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const mostMs = 3650 * 8.64e7;

/** The instant; null without a deadline, or with a wrong one. */
export function readDeadline(
  text: string,
  now: Instant,
): { readonly deadlineAt: Instant | null; readonly violations: readonly Violation[] } {
  if (text === '') return { deadlineAt: null, violations: [] };
  const spanMs = parseQuantity(text, span);
  const unixMs = spanMs === null && rfc3339.test(text) ? Date.parse(text) : now + (spanMs ?? NaN);
  if (unixMs > now && unixMs < now + mostMs) {
    return { deadlineAt: instant(Math.round(unixMs)), violations: [] };
  }
  const isTime = !Number.isNaN(unixMs);
  const wanted = isTime
    ? 'wanted a time from now on, in the next ten years'
    : 'wanted a time such as 2026-12-24T18:00:00Z, or a span from now such as 6 h';
  return {
    deadlineAt: null,
    violations: [{ field: 'spec.deadline', description: `${wanted}, found "${text}"` }],
  };
}

// The id by which a request that is sent again is known (Google AIP-155).

import type { Violation } from './errors.ts';

const longest = 63;

/** What is wrong with it, or nothing. */
export function requestIdViolations(requestId: string): readonly Violation[] {
  if (requestId !== '' && requestId.length <= longest) return [];
  return [{ field: 'requestId', description: `wanted 1 to ${longest} characters` }];
}

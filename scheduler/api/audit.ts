// Which calls are changes, and what an audit entry says of one. Only ids and names of a message are
// looked at, so that no secret can reach the log.

import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { asApiError } from './errors.ts';

/** A call of these changes nothing; whatever else there is, or will be, is recorded. */
const reading = /\/(Get|List|Watch|Explain|Find|Query|Try)[A-Z]\w*$/;

const idFields = ['jobId', 'nodeId', 'tokenId', 'siteId', 'name'] as const;

export function isChange(path: string, request: unknown): boolean {
  const isTrial =
    typeof request === 'object' &&
    request !== null &&
    Reflect.get(request, 'validateOnly') === true;
  return !isTrial && !reading.test(path);
}

/** Puts the end of a change on disk. A log that can't be written is told, and stops nobody. */
export async function recordChange(
  deps: ApiDeps,
  { path, caller }: { readonly path: string; readonly caller: Principal },
  end: { readonly request: unknown; readonly response?: unknown; readonly error?: unknown },
): Promise<void> {
  const { role, name, tokenId } = caller;
  try {
    await deps.audit.record({
      ...{ unixMs: deps.now(), role, name, tokenId },
      action: path.replace(/^\/punnet\.v1\./, ''),
      target: targetOf(end.response, end.request),
      outcome: end.error === undefined ? 'done' : (asApiError(end.error)?.reason ?? 'INTERNAL'),
    });
  } catch (error) {
    deps.onFault(error);
  }
}

/** "node n1": what the answer shows, or else what was asked for. */
function targetOf(response: unknown, request: unknown): string {
  for (const message of [...membersOf(response), request, ...membersOf(request)]) {
    if (typeof message !== 'object' || message === null) continue;
    for (const field of idFields) {
      const value: unknown = Reflect.get(message, field);
      if (typeof value !== 'string' || value === '') continue;
      return field === 'name' ? value : `${field.replace(/Id$/, '')} ${value}`;
    }
  }
  return '';
}

function membersOf(message: unknown): readonly unknown[] {
  return typeof message === 'object' && message !== null ? Object.values(message) : [];
}

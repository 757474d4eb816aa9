// What every call has in common: who calls, errors in their form, pages.

import type { ServerUnaryCall, handleUnaryCall } from '@grpc/grpc-js';
import type { Principal } from './auth.ts';
import { authenticate } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { invalid, toServiceError } from './errors.ts';

/** A unary handler from a plain function of request and caller. */
export function unary<Request, Response>(
  deps: ApiDeps,
  answer: (request: Request, principal: Principal) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback) => {
    const run = async (): Promise<Response> =>
      answer(call.request, authenticate(deps, call.metadata));
    run().then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

const defaultPageSize = 100;
const maxPageSize = 1_000;

export function pageSize(wanted: number): number {
  if (wanted < 0)
    throw invalid([{ field: 'pageSize', description: `wanted 0 or more, found ${wanted}` }]);
  return wanted === 0 ? defaultPageSize : Math.min(wanted, maxPageSize);
}

/** A page token carries where the next page starts, and for which list. */
export function pageToken(list: string, at: string): string {
  return Buffer.from(JSON.stringify([list, at])).toString('base64url');
}

/** Where a page starts; null: at the beginning. Throws for a token of another list. */
export function readPageToken(list: string, token: string): string | null {
  if (token === '') return null;
  try {
    const [of, at] = JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[];
    if (of === list && typeof at === 'string') return at;
  } catch {
    // Told below.
  }
  throw invalid([
    { field: 'pageToken', description: 'wanted the nextPageToken of this same list' },
  ]);
}

/** One page of a list that is at hand as a whole. */
export function page<T>(
  list: string,
  items: readonly T[],
  request: { readonly pageSize: number; readonly pageToken: string },
): { readonly items: readonly T[]; readonly nextPageToken: string } {
  const start = Number(readPageToken(list, request.pageToken) ?? 0);
  const end = start + pageSize(request.pageSize);
  const nextPageToken = end < items.length ? pageToken(list, String(end)) : '';
  return { items: items.slice(start, end), nextPageToken };
}

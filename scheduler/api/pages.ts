// Pages of lists, as in Google's API design: an opaque token carries the list that it is of, with
// its filters, and where the next page starts.

import { invalid } from './errors.ts';

const defaultPageSize = 100;
const maxPageSize = 1_000;
/** Below the 4 MB that a gRPC client takes by default. */
const maxPageBytes = 3_000_000;

/** How many items a page may have. */
export function pageSize(wanted: number): number {
  if (wanted < 0) {
    throw invalid([{ field: 'pageSize', description: `wanted 0 or more, found ${wanted}` }]);
  }
  return wanted === 0 ? defaultPageSize : Math.min(wanted, maxPageSize);
}

/** The token of the page that starts at `at` of the list. */
export function pageToken(list: string, at: number): string {
  return Buffer.from(JSON.stringify([list, at])).toString('base64url');
}

/** Where a page starts; null: at the beginning. Throws for all that is not a token of the list. */
export function readPageToken(list: string, token: string): number | null {
  if (token === '') return null;
  const at = Number(
    /^\["[^"]*",(\d{1,15})\]$/.exec(Buffer.from(token, 'base64url').toString())?.[1],
  );
  if (Number.isInteger(at) && pageToken(list, at) === token) return at;
  const description = 'wanted the nextPageToken of this same list, with the same filters';
  throw invalid([{ field: 'pageToken', description }]);
}

/** One page of a list that is at hand as a whole. */
export function page<T>(
  list: string,
  items: readonly T[],
  request: { readonly pageSize: number; readonly pageToken: string },
): { readonly items: readonly T[]; readonly nextPageToken: string } {
  const start = readPageToken(list, request.pageToken) ?? 0;
  const end = start + pageSize(request.pageSize);
  const nextPageToken = end < items.length ? pageToken(list, end) : '';
  return { items: items.slice(start, end), nextPageToken };
}

/** The first messages that fit into one answer together; one at least. */
export function fitting<T>(
  messages: readonly T[],
  codec: { encode(message: T): { finish(): Uint8Array } },
): readonly T[] {
  let bytes = 0;
  const end = messages.findIndex((message, index) => {
    bytes += codec.encode(message).finish().length;
    return index > 0 && bytes > maxPageBytes;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

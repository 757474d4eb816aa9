// Which part of a blob a request is about, by its headers.

import { HttpError } from './http-error.ts';

/** Some bytes of a blob. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/** What part of a blob comes (Content-Range); without a range all of it. Throws HttpError. */
export function contentRange(
  text: string | undefined,
  length: number,
): { readonly offset: number; readonly size: number } {
  if (text === undefined) return { offset: 0, size: length };
  const [, first, last, all] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(text) ?? [];
  const [offset, size] = [Number(first), Number(all)];
  const isRest = Number(last) === size - 1 && size - offset === length;
  if (isRest) return { offset, size };
  throw new HttpError(400, 'range', `Wanted the rest of a blob, found ${text} of ${length} bytes.`);
}

/** What part of a blob of this size is asked for (Range); null: all of it. Throws HttpError. */
export function askedPart(range: string | undefined, size: number): Part | null {
  if (range === undefined) return null;
  const [, first = '', last = ''] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(range) ?? [];
  const offset = first === '' ? Number.NaN : Number(first);
  // What is past the end is not there to be sent (RFC 9110, 14.1.2).
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (offset < end) return { offset, length: end - offset };
  throw new HttpError(
    416,
    'range',
    `Wanted bytes=N- or bytes=N-M with N under ${size} and not over M, found ${range}.`,
  );
}

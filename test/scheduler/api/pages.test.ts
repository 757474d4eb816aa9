// Page tokens: opaque, of one list with its filters, and anything else is INVALID_ARGUMENT.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ApiError } from '../../../scheduler/api/errors.ts';
import { fitting, page, pageSize, pageToken, readPageToken } from '../../../scheduler/api/pages.ts';

const list = fc.stringMatching(/^[a-z]+ \d( [\w%.-]+)?$/);
const place = fc.nat({ max: Number.MAX_SAFE_INTEGER % 1e15 });

function isRefused(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (error) {
    return error instanceof ApiError && error.message.startsWith('pageToken: wanted');
  }
}

test('a token leads back to its place in its list', () => {
  fc.assert(
    fc.property(list, place, (of, at) => {
      expect(readPageToken(of, pageToken(of, at))).toBe(at);
    }),
  );
});

test('a token of another list is refused', () => {
  fc.assert(
    fc.property(list, list, place, (of, other, at) => {
      fc.pre(of !== other);
      expect(isRefused(() => readPageToken(other, pageToken(of, at)))).toBe(true);
    }),
  );
});

test('garbage is refused, also where it decodes', () => {
  const garbage = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc
      .tuple(fc.constant('jobs 0'), fc.oneof(fc.string(), fc.integer({ max: -1 }), fc.double()))
      .map((pair) => Buffer.from(JSON.stringify(pair)).toString('base64url')),
    place.map((at) => `${pageToken('jobs 0', at)}=`),
    place.map((at) => ` ${pageToken('jobs 0', at)}`),
  );
  fc.assert(
    fc.property(garbage, (token) => {
      const decoded = Buffer.from(token, 'base64url').toString();
      fc.pre(
        !/^\["jobs 0",\d+\]$/.test(decoded) || token !== Buffer.from(decoded).toString('base64url'),
      );
      expect(isRefused(() => readPageToken('jobs 0', token))).toBe(true);
    }),
  );
});

test('pages of any size, one after another, are the list', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { maxLength: 50 }),
      fc.integer({ min: 1, max: 20 }),
      (all, size) => {
        const seen: number[] = [];
        let token = '';
        do {
          const { items, nextPageToken } = page('x', all, { pageSize: size, pageToken: token });
          expect(items.length).toBeLessThanOrEqual(size);
          seen.push(...items);
          token = nextPageToken;
        } while (token !== '');
        expect(seen).toEqual(all);
      },
    ),
  );
});

test('a page has 100 items when nothing is said, and 1,000 at most', () => {
  expect([0, 1, 1_000, 1_001].map(pageSize)).toEqual([100, 1, 1_000, 1_000]);
  expect(() => pageSize(-1)).toThrow('pageSize: wanted 0 or more, found -1');
});

test('a page ends before it is too long for one message, and has one item at least', () => {
  const codec = { encode: (bytes: number) => ({ finish: () => new Uint8Array(bytes) }) };
  expect(fitting([1e6, 1e6, 1e6], codec)).toHaveLength(3);
  expect(fitting([1e6, 1e6, 1e6, 1], codec)).toHaveLength(3);
  expect(fitting([9e6, 1], codec)).toHaveLength(1);
  expect(fitting([], codec)).toEqual([]);
});

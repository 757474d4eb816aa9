// The quick checks of numbers and addresses say what Node.js would.

import { isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { countIn, isIpv6 } from '../../../scheduler/adapters/openvpn-status-parser/plain-text.ts';
import { propertyRuns } from '../../property-runs.ts';

const runs = { numRuns: propertyRuns(2_000) };
const odd = [
  '::',
  ':',
  '',
  ':::',
  '1::',
  '::1',
  '1::2::3',
  ':1',
  '1:',
  '1:2:3:4:5:6:7:8',
  '12345::',
];
const more = [
  '1:2:3:4:5:6:7::',
  '::2:3:4:5:6:7:8',
  '1:2:3:4:5:6:7:8::',
  '1::2:3:4:5:6:7:8',
  'A::b',
];
const others = ['::1.2.3.4', 'fe80::1%eth0', '1:2:3:4:5:6:7:8:9', 'g::', '1::2:', '1:2:3:4:5:6:7:'];

test.each([...odd, ...more, ...others])('an address: "%s"', (text) => {
  expect(isIpv6(text)).toBe(isIPv6(text));
});

test('any text is an address or none', () => {
  const part = fc.constantFrom(':', '::', '0', 'f', '12ab', '12345', '.', 'G', '%');
  const text = fc.oneof(
    fc.ipV6(),
    fc.array(part, { maxLength: 18 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (each) => {
      expect(isIpv6(each)).toBe(isIPv6(each));
    }),
    runs,
  );
});

test('numbers are what they are, and the nearest beyond 2^53', () => {
  const some = fc.bigInt({ min: 0n, max: 10n ** 20n - 1n });
  fc.assert(
    fc.property(some, (number) => {
      expect(countIn(String(number))).toBe(Number(number));
    }),
    runs,
  );
  for (const text of ['', ' 1', '-1', '1.0', '1e3', '0x1', '9'.repeat(21)]) {
    expect(countIn(text), text).toBeNaN();
  }
});

// The overlay's addresses: bad prefixes are refused in plain words, and nobody shares an address.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  coreAddress,
  formatPrefix,
  lastSlice,
  nodeAddress,
  parsePrefix,
  serverAddress,
  sliceNetwork,
} from '../../../../scheduler/core/overlay/address-plan.ts';
import type { Prefix } from '../../../../scheduler/core/overlay/address-plan.ts';
import { nodes } from '../../../../scheduler/core/limits.ts';
import { propertyRuns } from '../../../property-runs.ts';

const lab: Prefix = [0x2001, 0xdb8, 0xf00d];

describe('a prefix', () => {
  test.each([
    ['2001:db8:f00d::/48', '2001:db8:f00d::/48'],
    ['FD12:3456:789A::/48', 'fd12:3456:789a::/48'],
    ['fd12:3456:789a:0:0:0:0:0/48', 'fd12:3456:789a::/48'],
    ['fd00::/48', 'fd00::/48'],
  ])('%s is taken', (text, written) => {
    const parsed = parsePrefix(text);
    expect(parsed.kind === 'prefix' && formatPrefix(parsed.prefix)).toBe(written);
  });

  test.each([
    ['', 'it is no IPv6 prefix'],
    ['2001:db8:f00d::', 'it is no IPv6 prefix'],
    ['10.8.0.0/48', 'it is no IPv6 prefix'],
    ['2001:db8::f00d::/48', 'it is no IPv6 prefix'],
    ['2001:db8:f00d/48', 'it is no IPv6 prefix'],
    ['2001:db8:f00g::/48', 'it is no IPv6 prefix'],
    ['1:2:3:4:5:6:7:8::/48', 'it is no IPv6 prefix'],
    ['2001:db8:f00d:::/48', 'it is no IPv6 prefix'],
    ['2001:db8:12345::/48', 'it is no IPv6 prefix'],
    ['2001:db8:f00d::/64', 'it is no /48'],
    ['2001:db8:f00d::/480', 'it is no /48'],
    ['2001:db8:f00d:1::/48', 'bits after the 48th are set (2001:db8:f00d::/48 has none)'],
    ['2001:db8:f00d::1/48', 'bits after the 48th are set'],
    ['fe80::/48', 'it is outside fd00::/8'],
    ['ff02::/48', 'it is outside fd00::/8'],
    ['fc12:3456:789a::/48', 'it is outside fd00::/8'],
    ['::/48', 'it is outside fd00::/8'],
  ])('"%s" is refused: %s', (text, why) => {
    const parsed = parsePrefix(text);
    expect(parsed.kind === 'refused' && parsed.reason).toContain(
      `${text}: wanted an IPv6 /48 like fd12:3456:789a::/48, found that ${why}`,
    );
  });
});

test('addresses are written as other programs write them', () => {
  expect(coreAddress(lab)).toBe('2001:db8:f00d::1');
  expect(coreAddress([0xfd00, 0, 0])).toBe('fd00::1');
  expect(sliceNetwork(lab, 1)).toBe('2001:db8:f00d:1::/64');
  expect(serverAddress(lab, 1)).toBe('2001:db8:f00d:1::1');
  expect(nodeAddress(lab, { slice: 2, nodeNumber: 0 })).toBe('2001:db8:f00d:2::10');
  expect(nodeAddress(lab, { slice: 2, nodeNumber: 99_999 })).toBe('2001:db8:f00d:2::1:86af');
});

const prefix = fc
  .tuple(fc.integer({ min: 0xfd00, max: 0xfdff }), fc.nat(65_535), fc.nat(65_535))
  .map((groups): Prefix => groups);
const place = fc.record({
  slice: fc.integer({ min: 1, max: lastSlice }),
  nodeNumber: fc.nat(nodes - 1),
});

test('no two nodes share an address, and no node has the one of the core or of a server', () => {
  fc.assert(
    fc.property(prefix, fc.uniqueArray(place, { selector: keyOf, maxLength: 50 }), (of, places) => {
      const addresses = places.map((each) => nodeAddress(of, each));
      const taken = new Set(places.map(({ slice }) => serverAddress(of, slice)));
      const all = [coreAddress(of), ...taken, ...addresses];
      expect(new Set(all).size).toBe(1 + taken.size + places.length);
    }),
    { numRuns: propertyRuns(100) },
  );
});

function keyOf({ slice, nodeNumber }: { slice: number; nodeNumber: number }): string {
  return `${slice} ${nodeNumber}`;
}

test('an address and a prefix are read and written as others do', () => {
  fc.assert(
    fc.property(prefix, place, (of, where) => {
      const address = nodeAddress(of, where);
      expect(new URL(`http://[${address}]`).hostname).toBe(`[${address}]`);
      expect(parsePrefix(formatPrefix(of))).toEqual({ kind: 'prefix', prefix: of });
    }),
    { numRuns: propertyRuns(100) },
  );
});

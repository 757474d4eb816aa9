// What a task asks its proxy for is read one way only, and no address of home or federation is open to it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isNo, openAddresses, readHead } from '../../../agent/adapters/internet/destination.ts';
import {
  holds,
  nearNetworks,
  readNearNetworks,
} from '../../../agent/adapters/internet/near-networks.ts';
import { isPublic } from '../../../agent/adapters/internet/public-address.ts';

function said(head: string): string {
  const found = readHead(head);
  return isNo(found) ? `${found.status} ${found.reason}` : `${found.host} ${found.port}`;
}

describe('the head of a request', () => {
  test.each([
    ['CONNECT example.org:443 HTTP/1.1', 'example.org 443'],
    ['CONNECT EXAMPLE.org.:443 HTTP/1.1', 'example.org 443'],
    ['CONNECT [2a0f:ffff::1]:443 HTTP/1.0', '2a0f:ffff::1 443'],
    ['CONNECT [::ffff:192.168.1.1]:443 HTTP/1.1', '::ffff:c0a8:101 443'],
    // Every way of writing an address is that address.
    ['CONNECT 0x7f.1:443 HTTP/1.1', '127.0.0.1 443'],
    ['CONNECT 3232235777:80 HTTP/1.1', '192.168.1.1 80'],
    ['CONNECT 0300.0250.1.1:80 HTTP/1.1', '192.168.1.1 80'],
    ['GET http://192.168.257/ HTTP/1.1', '192.168.1.1 80'],
    ['GET http://example.org/a?b HTTP/1.1\r\nHost: router.lan', 'example.org 80'],
    ['GET http://example.org:8080/ HTTP/1.1', 'example.org 8080'],
    // Names of a host in full width letters are the ones in plain letters.
    ['GET http://ｅxample.org/ HTTP/1.1', 'example.org 80'],
    ['CONNECT example.org:22 HTTP/1.1', '403 port 22: a task reaches only ports 80, 443,'],
    ['CONNECT example.org:25 HTTP/1.1', '403 port 25: '],
    ['CONNECT example.org:99999 HTTP/1.1', '400 wanted HOST:PORT, found example.org:99999.'],
    ['CONNECT fe80::1%eth0:443 HTTP/1.1', '400 wanted HOST:PORT'],
    ['CONNECT user@example.org:443 HTTP/1.1', '400 wanted HOST:PORT'],
    ['CONNECT :443 HTTP/1.1', '400 wanted HOST:PORT'],
    ['CONNECT example.org HTTP/1.1', '400 wanted HOST:PORT'],
    ['CONNECT example.org:443/path HTTP/1.1', '400 wanted HOST:PORT'],
    ['CONNECT example.org/a:443 HTTP/1.1', '400 wanted HOST:PORT'],
    [String.raw`CONNECT example.org\a:443 HTTP/1.1`, '400 wanted HOST:PORT'],
    ['CONNECT example.org?a:443 HTTP/1.1', '400 wanted HOST:PORT'],
    ['GET http://example.org/ HTTP/1.1\r\nA: b\rHost: c', '400 wanted a field of the head on each'],
    ['GET http://example.org/ HTTP/1.1\r\nA: b\nHost: c', '400 wanted a field of the head on each'],
    [
      'GET http://example.org/ HTTP/1.1\r\nA: b\r\n Host: c',
      '400 wanted a field of the head on each',
    ],
    [
      'GET / HTTP/1.1\r\nHost: example.org',
      '400 wanted an address such as http://example.org/data',
    ],
    [
      'GET https://example.org/ HTTP/1.1',
      '400 https://example.org/: wanted http: here, and CONNECT',
    ],
    ['GET ftp://example.org/ HTTP/1.1', '400 ftp://example.org/: wanted http:'],
    ['GET file:///etc/passwd HTTP/1.1', '400 wanted an address such as'],
    ['hello', '400 wanted a request of HTTP/1.1 to a proxy.'],
    ['', '400 wanted a request of HTTP/1.1 to a proxy.'],
  ])('%j is %j', (head, expected) => {
    expect(said(head).slice(0, expected.length)).toBe(expected);
  });

  test('goes on without what is for the proxy, to the host that was judged', () => {
    const fields = ['Host: router.lan', 'Proxy-Authorization: x', 'Connection: keep-alive', 'A: b'];
    const found = readHead(['GET http://example.org/a?b#c HTTP/1.1', ...fields].join('\r\n'));
    expect(found).toEqual({
      host: 'example.org',
      port: 80,
      head: 'GET /a?b HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nA: b',
    });
  });
});

/** A home with a LAN of private, of public and of IPv6 addresses. */
const near = nearNetworks({
  routes: [
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
    'eth0\t00000000\t0107A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    // To another network of the school, by a router of its own; and a VPN's halves of everything.
    'eth0\t0000FE81\t0107A8C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'tun9\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0',
  ].join('\n'),
  routes6: [
    '2a0e11112222000100000000000000 40 00 00'.replace(' ', '00 '),
    '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe80000000000000',
    '20000000000000000000000000000000 03 00000000000000000000000000000000 00 fe80000000000000',
  ].join('\n'),
  cidrs: [
    '127.0.0.1/8',
    '::1/128',
    '192.168.7.2/24',
    '193.0.5.2/24',
    '2a0d:3333:4444:5::2/64',
    'fe80::1%eth0/64',
  ],
});

describe('networks that are near', () => {
  test.each([
    ['192.168.7.9', true],
    ['193.0.5.250', true],
    ['129.254.9.9', true],
    ['2a0e:1111:2222:1::9', true],
    // Another network of what the home was given.
    ['2a0e:1111:2222:ff::9', true],
    ['2a0d:3333:4444:6::1', true],
    ['193.0.6.1', false],
    ['192.0.9.1', false],
    ['2a0f:ffff::1', false],
    // What is no address is not let through.
    ['router.lan', true],
  ])('hold %s: %j', (address, expected) => {
    expect(holds(near, address)).toBe(expected);
  });

  test('of a machine without routes are those of its interfaces', () => {
    const alone = nearNetworks({ routes: '', routes6: '', cidrs: ['193.0.5.2/24'] });
    expect(holds(alone, '193.0.5.1')).toBe(true);
    expect(holds(alone, '192.0.9.1')).toBe(false);
  });
});

test('networks that cannot be read leave nothing open', () => {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-networks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(() => readNearNetworks(folder)).toThrow(/can't see its own networks.*route/);
  writeFileSync(join(folder, 'route'), 'Iface\n');
  // A kernel without IPv6.
  expect(holds(readNearNetworks(folder), '192.0.9.1')).toBe(false);
  mkdirSync(join(folder, 'ipv6_route'));
  expect(() => readNearNetworks(folder)).toThrow(/can't see its own networks.*EISDIR/);
});

const isNear = (address: string): boolean => holds(near, address);

describe('the addresses that are open to a task', () => {
  test('are connected to by IPv4 first', () => {
    const open = openAddresses('a.test', ['2a0f:ffff::1', '192.0.9.1'], isNear);
    expect(open).toEqual(['192.0.9.1', '2a0f:ffff::1']);
  });

  test('are those of a name that are not near', () => {
    expect(openAddresses('a.test', ['192.168.7.1', '192.0.9.1'], isNear)).toEqual(['192.0.9.1']);
  });

  test.each([
    ['a.test', '127.0.0.1', 'a.test (127.0.0.1) is no public address: a task reaches'],
    ['193.0.5.1', '193.0.5.1', '193.0.5.1 is of this home or of the federation: a task'],
  ])('of %s at %s are none', (host, address, expected) => {
    const found = openAddresses(host, [address], isNear);
    expect(isNo(found) && found.status === 403 ? found.reason : '').toContain(expected);
  });

  test('are looked for among the first 16 of a name', () => {
    const many = Array.from({ length: 16 }, (_, at) => `10.0.0.${at}`);
    expect(openAddresses('a.test', [...many, '192.0.9.1'], isNear)).toMatchObject({ status: 403 });
    expect(openAddresses('a.test', [...many.slice(1), '192.0.9.1'], isNear)).toEqual(['192.0.9.1']);
  });

  test('are no documents', () => {
    expect(isPublic('3fff::1')).toBe(false);
    expect(isPublic('2a0f:ffff::1')).toBe(true);
  });
});

describe('whatever a name says', () => {
  test('no address of LAN, overlay or node is open', () => {
    const networks = { 4: new BlockList(), 6: new BlockList() };
    for (const [network, bits] of [
      ...([
        ['10.0.0.0', 8],
        ['100.64.0.0', 10],
        ['127.0.0.0', 8],
        ['169.254.0.0', 16],
      ] as const),
      ...([
        ['172.16.0.0', 12],
        ['192.168.0.0', 16],
        ['193.0.5.0', 24],
        ['224.0.0.0', 4],
      ] as const),
    ]) {
      networks[4].addSubnet(network, bits, 'ipv4');
    }
    for (const [network, bits] of [
      ...([
        ['fc00::', 7],
        ['fe80::', 10],
        ['ff00::', 8],
        ['64:ff9b::', 96],
        ['2002::', 16],
      ] as const),
      ...([
        ['::', 96],
        ['::ffff:0:0', 96],
        ['2a0e:1111:2222::', 48],
        ['2001::', 32],
      ] as const),
    ]) {
      networks[6].addSubnet(network, bits, 'ipv6');
    }
    fc.assert(
      fc.property(fc.array(anyAddress, { maxLength: 4 }), (addresses) => {
        const open = openAddresses('a.test', addresses, isNear);
        if (isNo(open)) return;
        expect(open.filter((address) => holds(networks, address))).toEqual([]);
        expect(open.every((address) => addresses.includes(address))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Often of a network that is near, or one that stands for another. */
const anyAddress = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .tuple(
      fc.constantFrom('10.', '127.', '169.254.', '172.31.', '192.168.', '193.0.5.', '100.127.'),
      fc.array(fc.nat(255), { minLength: 3, maxLength: 3 }),
    )
    .map(([start, rest]) => {
      const bytes = [...start.split('.').filter(Boolean), ...rest].slice(0, 4);
      return bytes.join('.');
    }),
  fc
    .tuple(
      fc.constantFrom('fd00:', 'fe80:', '64:ff9b:', '2002:', '2001:', '2a0e:1111:2222:'),
      fc.integer({ min: 1, max: 0xffff }),
    )
    .map(([start, last]) => `${start}:${last.toString(16)}`),
  fc.ipV4().map((address) => `::ffff:${address}`),
);

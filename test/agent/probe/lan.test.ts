// The LAN of a node, from routing tables as kernels print them.

import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { ownLanOf } from '../../../agent/adapters/probe/lan.ts';

const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
const row = (name: string, destination: string, metric: number, mask = '00000000'): string =>
  `${name}\t${destination}\t0101A8C0\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;
const address = (cidr: string): NetworkInterfaceInfo[] => [
  { family: 'IPv6', cidr: 'fe80::1/64' } as NetworkInterfaceInfo,
  { family: 'IPv4', cidr } as NetworkInterfaceInfo,
];

const interfaces = {
  eth0: address('192.168.1.17/24'),
  wlan0: address('10.20.30.40/12'),
  tun0: address('172.16.5.5/32'),
};

test.each([
  ['the default route leads to it', row('eth0', '00000000', 100), '192.168.1.0/24'],
  [
    'the lowest metric wins',
    row('wlan0', '00000000', 600) + row('eth0', '00000000', 100),
    '192.168.1.0/24',
  ],
  ['a prefix that is no whole number of bytes', row('wlan0', '00000000', 600), '10.16.0.0/12'],
  ['a tunnel that halves the internet', row('tun0', '00000000', 0, '00000080'), ''],
  ['no default route', row('eth0', '0001A8C0', 100, '00FFFFFF'), ''],
  ['an interface without an address', row('eth9', '00000000', 0), ''],
])('%s', (_name, routes, lan) => {
  expect(ownLanOf(head + routes, interfaces)?.network ?? '').toBe(lan);
});

test('its own address there is told, too', () => {
  const own = { address: '10.20.30.40', network: '10.16.0.0/12' };
  expect(ownLanOf(head + row('wlan0', '00000000', 600), interfaces)).toEqual(own);
});

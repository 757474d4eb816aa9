// Which addresses the whole internet reaches, by IANA's registries of special addresses. Where this node
// stands is not known here.

import { BlockList, isIP } from 'node:net';

/** What is not of the whole internet. */
const special = new BlockList();
for (const [network, bits] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
  ] as const),
  ...([
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
  ] as const),
  ...([
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
  ] as const),
  ...([
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ] as const),
]) {
  special.addSubnet(network, bits, 'ipv4');
}
/** Of IPv6 only this is given out: what stands for an address of IPv4 (::ffff:0:0/96, 64:ff9b::/96), the overlay's
 * and a LAN's own addresses are outside. */
const given = new BlockList();
given.addSubnet('2000::', 3, 'ipv6');
/** 6to4 and Teredo lead to IPv4 again; the rest is for documents. */
const led = new BlockList();
led.addSubnet('2002::', 16, 'ipv6');
led.addSubnet('2001::', 23, 'ipv6');
led.addSubnet('2001:db8::', 32, 'ipv6');
led.addSubnet('3fff::', 20, 'ipv6');

/** Whether it is an address that the whole internet reaches. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  if (isIP(address) !== 6 || address.includes('%')) return false;
  return given.check(address, 'ipv6') && !led.check(address, 'ipv6');
}

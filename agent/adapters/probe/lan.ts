// Which LAN the node is in: the IPv4 network of the interface that leads to the internet. Nodes of
// one site with the same LAN reach each other without the uplink.

import { readFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { networkInterfaces } from 'node:os';

/** Where the node is on its LAN. */
export interface OwnLan {
  readonly address: string;
  /** Such as "192.168.1.0/24". */
  readonly network: string;
}

/** Such as "192.168.1.0/24"; empty without a default route. */
export function readLan(): string {
  return readOwnLan()?.network ?? '';
}

/** null without a default route. */
export function readOwnLan(): OwnLan | null {
  return ownLanOf(readFileSync('/proc/net/route', 'latin1'), networkInterfaces());
}

/** From the text of /proc/net/route (proc_net_route(5)) and the addresses of the interfaces. */
export function ownLanOf(
  routes: string,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): OwnLan | null {
  const defaults = routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === destination)
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  const name = defaults[0]?.[0] ?? '';
  const cidr = interfaces[name]?.find((each) => each.family === 'IPv4')?.cidr;
  if (typeof cidr !== 'string') return null;
  return { address: cidr.split('/')[0] ?? '', network: networkOf(cidr) };
}

/** "192.168.1.17/24" → "192.168.1.0/24". */
function networkOf(cidr: string): string {
  const [address = '', bits = '32'] = cidr.split('/');
  const number = address.split('.').reduce((sum, part) => 256 * sum + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  const network = number - (number % size);
  const parts = [24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256);
  return `${parts.join('.')}/${bits}`;
}

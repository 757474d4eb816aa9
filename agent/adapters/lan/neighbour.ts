// Which addresses an agent may connect to on its LAN: nothing that a scheduler says leads it elsewhere.

import { isIPv4 } from 'node:net';
import type { OwnLan } from '../probe/lan.ts';

/** RFC 1918, and RFC 3927 for LANs without a router. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'];

/** Whether it is a private address of the node's own LAN, and not its own. */
export function isNeighbour(address: string, own: OwnLan): boolean {
  if (!isIPv4(address) || address === own.address) return false;
  return isIn(address, own.network) && privateNetworks.some((network) => isIn(address, network));
}

function isIn(address: string, network: string): boolean {
  const [start = '', bits = '32'] = network.split('/');
  const size = 2 ** (32 - Number(bits));
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(start) / size);
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => 256 * sum + Number(part), 0);
}

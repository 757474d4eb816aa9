// The networks that this node is in or has a route of its own to: the home's, whatever their addresses are,
// and the overlay. A LAN may have public addresses, of IPv6 it mostly has. Pure but for reading /proc.

import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

export interface Tables {
  /** As in /proc/net/route, and in /proc/net/ipv6_route. */
  readonly routes: string;
  readonly routes6: string;
  /** Of the interfaces, such as 192.168.1.7/24. */
  readonly cidrs: readonly string[];
}

/** One list for each family: in a list of both, ::/48 would hold every address of IPv4. */
export interface Networks {
  readonly 4: BlockList;
  readonly 6: BlockList;
}

interface Network {
  readonly address: string;
  readonly bits: number;
}

/** A default route in parts, as VPNs write it (0.0.0.0/1, 2000::/3), is no network that is near. */
const leastBits = { 4: 8, 6: 12 } as const;
/** Of what a home is given of IPv6, its node sees one network of perhaps many: all of them are near. */
const homeBits = 48;

/** Those of this machine, as they are now. Throws where it can't be seen: nothing is then known to be far. */
export function readNearNetworks(folder = '/proc/net'): Networks {
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return nearNetworks({
    routes: read(join(folder, 'route')),
    routes6: readIfThere(join(folder, 'ipv6_route')),
    cidrs: interfaces.flatMap(({ cidr }) => (cidr === null ? [] : [cidr])),
  });
}

export function nearNetworks({ routes, routes6, cidrs }: Tables): Networks {
  const near: Networks = { 4: new BlockList(), 6: new BlockList() };
  const networks = [...cidrs.map(fromCidr), ...fromRoutes(routes), ...fromRoutes6(routes6)];
  for (const { address, bits } of networks) {
    const family = isIP(address);
    if (family === 4 && bits >= leastBits[4]) near[4].addSubnet(address, bits, 'ipv4');
    if (family === 6 && bits >= leastBits[6]) {
      near[6].addSubnet(address, Math.min(bits, homeBits), 'ipv6');
    }
  }
  return near;
}

/** Whether the networks hold the address; of what is none they hold everything. */
export function holds(networks: Networks, address: string): boolean {
  const family = isIP(address);
  if (family === 4) return networks[4].check(address, 'ipv4');
  return family !== 6 || networks[6].check(address, 'ipv6');
}

function fromCidr(cidr: string): Network {
  const [address = '', bits = ''] = cidr.split('/');
  return { address: address.replace(/%.*/, ''), bits: Number(bits) };
}

/** Destination, gateway and mask are hexadecimal, the last byte first. */
function fromRoutes(text: string): readonly Network[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length > 7)
    .map((fields) => ({
      address: dotted(fields[1] ?? ''),
      bits: onesIn(Number.parseInt(fields[7] ?? '', 16)),
    }));
}

function dotted(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function onesIn(mask: number): number {
  return [...(mask >>> 0).toString(2)].filter((bit) => bit === '1').length;
}

/** Destination of 32 digits and its length, both hexadecimal. */
function fromRoutes6(text: string): readonly Network[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => /^[0-9a-f]{32}$/.test(fields[0] ?? ''))
    .map(([destination = '', bits = '']) => ({
      address: (destination.match(/.{4}/g) ?? []).join(':'),
      bits: Number.parseInt(bits, 16),
    }));
}

/** A kernel without IPv6 has no such file. */
function readIfThere(file: string): string {
  return read(file, 'ENOENT');
}

/** @param none the error's code when there is nothing to read. */
function read(file: string, none = ''): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === none) return '';
    throw new Error(`the node can't see its own networks (${String(error)}): try again.`, {
      cause: error,
    });
  }
}

// What may be wrong with some of a site's nodes: their bytes, their cables, their lives.

import { setTimeout as sleep } from 'node:timers/promises';
import { shaped } from '../../lab/layout.ts';
import type { Network } from '../../lab/network.ts';
import { siteName } from './ground.ts';
import type { OurSite } from './ours.ts';

/** Of a bad cable or Wi-Fi; the file comes through it in a third of the time that it takes on the line. */
const slowBps = 30e6;

/** From now on a byte of each long packet to the LAN is another one, checksums and all. */
const lies = `
table inet liar {
  chain output {
    type filter hook output priority 0;
    ip daddr 192.168.1.0/24 ip daddr != 192.168.1.1 meta length > 1000 meta l4proto tcp @th,4000,8 set 0x55
  }
}
`;

export function makeLiar(network: Network, node: string): void {
  network.node(node).configure('nft', [lies]);
}

export function makeSlow(network: Network, node: string): void {
  const port = `p${node.slice(node.indexOf('-') + 1)}`;
  network.node(node).configure('tc', [shaped('eth0', slowBps)]);
  network.router(siteName).configure('tc', [shaped(port, slowBps)]);
}

/** After so long it ends as when its power is cut. */
export async function dies(site: OurSite, node: string, seconds: number): Promise<void> {
  await sleep(seconds * 1000);
  await site.agents.get(node)?.kill('SIGKILL');
}

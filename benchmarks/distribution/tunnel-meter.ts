// What of a site's line is its nodes' tunnels: counted by its router, by protocol.

import type { Network } from '../../lab/network.ts';
import type { Space } from '../../lab/space.ts';

/** OpenVPN's, at the core; nothing else in a lab is UDP. */
const table = 'inet tunnels';
const rules = `
table ${table} {
  counter carried { }
  chain forward {
    type filter hook forward priority -10;
    meta l4proto udp counter name carried
  }
}
`;

export class TunnelMeter {
  readonly #router: Space;

  constructor(network: Network, site: string) {
    this.#router = network.router(site);
    this.#router.configure('nft', [rules]);
  }

  /** Bytes of IP packets so far, both ways. */
  bytes(): number {
    const words = ['nft', '--json', 'list', 'counter', ...table.split(' '), 'carried'];
    const { nftables } = JSON.parse(this.#router.run(words)) as {
      readonly nftables: readonly { readonly counter?: { readonly bytes: number } }[];
    };
    return nftables.find(({ counter }) => counter !== undefined)?.counter?.bytes ?? Number.NaN;
  }
}

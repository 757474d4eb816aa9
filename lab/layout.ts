// Where everything of a lab stands: addresses and the lines that `ip`, `tc` and `nft` are given. Pure.
//
//   core ── internet ── router ── LAN bridge ── nodes      each site a home with NAT
//                    └─ carrier ── router …                homes that share one public address

export interface SiteSpec {
  /** Small letters and digits, at most eight. */
  readonly name: string;
  readonly nodes: number;
  /** What its line can do, bit/s of IP packets. */
  readonly downBps: number;
  readonly upBps: number;
  /** Homes of one carrier stand behind one address (carrier-grade NAT). */
  readonly carrier?: string;
  /** Its nodes reach the router, and not each other, as on a guest Wi-Fi. */
  readonly isIsolated?: boolean;
}

/** RFC 5737's network for documentation: where a lab's core is found. */
export const coreAddress = '203.0.113.10';
const coreGateway = '203.0.113.1';
/** All homes have the same LAN, as in life. */
const lanPrefix = '192.168.1';
const lanBps = 100_000_000;
/** What waits before a line; a home router's buffer. */
const bufferMs = 100;

/** Address of a site's node on its LAN; the first is 1. */
export function lanAddress(node: number): string {
  return `${lanPrefix}.${10 + node}`;
}

/** Two addresses of a /30: the first end's and the second's, of RFC 2544's network; a carrier's inside
 * (RFC 6598) has others. */
export function linkAddresses(number: number, isInside = false): readonly [string, string] {
  if (number < 0 || number >= 64 * 256) throw new RangeError(`a lab has no link ${number}`);
  const prefix = `${isInside ? '100.64' : '198.18'}.${number >> 6}`;
  const first = (number & 63) * 4;
  return [`${prefix}.${first + 1}`, `${prefix}.${first + 2}`];
}

export const internetLines: readonly string[] = [
  'link set lo up',
  'link set core up',
  `addr add ${coreGateway}/24 dev core`,
];

export const coreLines: readonly string[] = [
  'link set lo up',
  'link set eth0 up',
  `addr add ${coreAddress}/24 dev eth0`,
  `route add default via ${coreGateway}`,
];

export interface Line {
  /** The link's number, of those on the same side of a carrier. */
  readonly number: number;
  readonly isInside: boolean;
}

/** At the end that is nearer to the internet. */
export function outerLines(device: string, { number, isInside }: Line): readonly string[] {
  return [
    `link set ${device} up`,
    `addr add ${linkAddresses(number, isInside)[0]}/30 dev ${device}`,
  ];
}

/** At the router or carrier, whose line is `wan0`. */
export function wanLines({ number, isInside }: Line): readonly string[] {
  const [outer, inner] = linkAddresses(number, isInside);
  return [
    'link set lo up',
    'link set wan0 up',
    `addr add ${inner}/30 dev wan0`,
    `route add default via ${outer}`,
  ];
}

/** A router has an address of its own for life. A bridge without one takes its ports' lowest, another one
 * when a node is plugged in, and the nodes that knew the old one are cut off for up to a minute. */
const routerHardwareAddress = '02:00:00:00:00:01';

export const lanLines: readonly string[] = [
  `link add lan address ${routerHardwareAddress} type bridge`,
  'link set lan up',
  `addr add ${lanPrefix}.1/24 dev lan`,
];

export function nodeLines(node: number): readonly string[] {
  return [
    'link set lo up',
    'link set eth0 up',
    `addr add ${lanAddress(node)}/24 dev eth0`,
    `route add default via ${lanPrefix}.1`,
  ];
}

/** A line of this rate with a home router's buffer: for `tc`. */
export function shaped(device: string, bps: number): string {
  // What may go at once: two packets, and no less than the kernel's clock lets through in a tick.
  const burst = Math.max(3_200, Math.ceil(bps / 8 / 250));
  return `qdisc replace dev ${device} root tbf rate ${Math.round(bps)}bit burst ${burst} latency ${bufferMs}ms`;
}

export const shapedLan = (device: string): string => shaped(device, lanBps);

/** As a home's router: everything out by its one address, nothing new in. */
export const natRules = `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan0" masquerade
  }
}
table inet guard {
  chain forward {
    type filter hook forward priority filter;
    ct state established,related accept
    iifname "wan0" drop
  }
  chain input {
    type filter hook input priority filter;
    ct state established,related accept
    iifname "wan0" drop
  }
}
`;

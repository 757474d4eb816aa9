// Where a request to the proxy may lead: to the hosts that apt's sources name, over plain HTTP on port 80, at public
// addresses. Whoever is on this machine may ask, so that it must be no way into the LAN, the overlay or the agent. Pure
// but for reading apt's sources.

import { readFileSync, readdirSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';

export type Target =
  | { readonly kind: 'allowed'; readonly address: URL }
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 405; readonly reason: string };

interface Asked {
  readonly method: string;
  /** As it stands in the request's first line. */
  readonly url: string;
}

/** What a request asks for, or why it is refused. `hosts` are those of apt's sources. */
export function judgeTarget({ method, url }: Asked, hosts: ReadonlySet<string>): Target {
  if (method !== 'GET' && method !== 'HEAD') {
    return refused(405, `wanted GET or HEAD, found ${method}: apt asks for nothing else.`);
  }
  const path = /^http:\/\/[\w.-]+(?::80)?(\/[!-~]*)$/i.exec(url)?.[1];
  if (path === undefined) {
    return refused(400, 'wanted an address such as http://mirror.example/debian/…, on port 80.');
  }
  if (/(^|[/\\])(\.|%2e){1,2}([/\\?#]|$)|\\|%2f|%5c|%00|#/i.test(path)) {
    return refused(400, 'the path steps out of its folder: ask for it by its plain name.');
  }
  const address = parseAddress(url);
  if (address === null) {
    return refused(400, `${url}: its host is no name and no address: ask for it by its name.`);
  }
  if (!hosts.has(address.hostname)) {
    return refused(403, `${address.hostname} is in none of apt's sources: ask it directly.`);
  }
  if (isIP(address.hostname) !== 0 && !isPublic(address.hostname)) {
    return refused(403, `${address.hostname} is no public address: ask it directly.`);
  }
  return { kind: 'allowed', address };
}

/** null: no address, such as http://1.2.3.999/. Node.js 18 before 18.17 has no URL.canParse. */
export function parseAddress(text: string, base?: URL): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}

function refused(status: 400 | 403 | 405, reason: string): Target {
  return { kind: 'refused', status, reason };
}

/** Of IANA's registries of special addresses: what is not of the whole internet. */
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
/** Of IPv6 only this is given out; the overlay's and a LAN's own addresses are outside. */
const given = new BlockList();
given.addSubnet('2000::', 3, 'ipv6');
/** 6to4 and Teredo lead to IPv4 again. */
const led = new BlockList();
led.addSubnet('2002::', 16, 'ipv6');
led.addSubnet('2001::', 23, 'ipv6');
led.addSubnet('2001:db8::', 32, 'ipv6');

/** Whether it is an address that the whole internet reaches. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, 'ipv4');
  if (isIP(address) !== 6 || address.includes('%')) return false;
  return given.check(address, 'ipv6') && !led.check(address, 'ipv6');
}

/** The hosts of plain HTTP in the texts of sources, in both of the ways of sources.list(5). */
export function hostsIn(sources: readonly string[]): ReadonlySet<string> {
  const hosts = new Set<string>();
  for (const line of sources.flatMap((text) => text.split('\n'))) {
    if (line.trimStart().startsWith('#')) continue;
    for (const [, host = ''] of line.matchAll(/\bhttp:\/\/([\w.-]+)(?::80)?(?=[/\s]|$)/gi)) {
      hosts.add(host.toLowerCase());
    }
  }
  return hosts;
}

/** Those of this machine, as they are now. What may not be read, or is not there, names none. */
export function readHosts(folder = '/etc/apt'): ReadonlySet<string> {
  const parts = join(folder, 'sources.list.d');
  let names: readonly string[] = [];
  try {
    names = readdirSync(parts).filter((name) => /\.(list|sources)$/.test(name));
  } catch {
    // It has none.
  }
  const files = [join(folder, 'sources.list'), ...names.map((name) => join(parts, name))];
  return hostsIn(
    files.map((file) => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    }),
  );
}

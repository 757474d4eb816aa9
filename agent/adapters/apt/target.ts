// Where a request to the proxy may lead: to the hosts that apt's sources name, over plain HTTP on port 80, at public
// addresses. Whoever is on this machine may ask, so that it must be no way into the LAN, the overlay or the agent. Pure
// but for reading apt's sources.

import { readFileSync, readdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { isPublic } from '../internet/public-address.ts';

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

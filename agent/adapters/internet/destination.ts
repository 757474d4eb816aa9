// Where a task may go: what it asks a proxy for, read once, and which of a name's addresses are open to it.
// Pure; whoever connects uses the addresses that were judged, and no name again.

import { isIP } from 'node:net';
import { isPublic } from './public-address.ts';

/** What a task asks for: a name or an address, and what is said there first. */
export interface Asked {
  readonly host: string;
  readonly port: number;
  /** The head that goes on to the host; empty: the task speaks itself, through a tunnel. */
  readonly head: string;
}

/** What a proxy answers instead. */
export interface No {
  readonly status: 400 | 403 | 431 | 502 | 503;
  readonly reason: string;
}

/** Those of HTTP and HTTPS. Mail, ssh and databases are what strangers would abuse a home's address for. */
const ports: ReadonlySet<number> = new Set([80, 443, 8080, 8443]);
const portsText = [...ports].join(', ');
/** Of a name: one may have thousands. */
const addressesJudged = 16;
/** Between the task and the proxy alone. */
const ofTheHop = /^(connection|keep-alive|proxy-[\w-]+|te|upgrade|host)$/i;
/** Of a tunnel: a name, or an address, of IPv6 in brackets. */
const hostAndPort = /^(\[[^\]]+\]|[^:/\\?#@\s]+):\d+$/;
/** A line that has an end within it, or goes on with the one before, is two different heads to two readers. */
const isAmbiguous = /[\r\n]|^[ \t]/;
const line = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/;

/** The host that the head of a request leads to. */
export function readHead(head: string): Asked | No {
  const [first = '', ...fields] = head.split('\r\n');
  const [, method = '', target = ''] = line.exec(first) ?? [];
  if (method === '') return no(400, 'wanted a request of HTTP/1.1 to a proxy.');
  if (fields.some((field) => isAmbiguous.test(field))) {
    return no(400, 'wanted a field of the head on each line, ended by CR and LF.');
  }
  const isTunnel = method === 'CONNECT';
  const url =
    isTunnel && !hostAndPort.test(target) ? null : parse(isTunnel ? `http://${target}` : target);
  if (url === null || url.hostname === '' || url.username !== '' || url.password !== '') {
    const wanted = isTunnel ? 'HOST:PORT' : 'an address such as http://example.org/data';
    return no(400, `wanted ${wanted}, found ${shorten(target)}.`);
  }
  if (url.protocol !== 'http:') {
    return no(400, `${shorten(target)}: wanted http: here, and CONNECT for all else.`);
  }
  // 80 is what the parser leaves out.
  const port = Number(url.port === '' ? 80 : url.port);
  if (!ports.has(port)) {
    return no(403, `port ${port}: a task reaches only ports ${portsText} of the internet.`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isTunnel) return { host, port, head: '' };
  const kept = fields.filter((field) => !ofTheHop.test(field.split(':')[0]?.trim() ?? ''));
  const path = `${url.pathname}${url.search}`;
  // One request a connection, as far as the host keeps to it: whatever the task sends behind it goes to this host too.
  const own = [`${method} ${path} HTTP/1.1`, `Host: ${url.host}`, 'Connection: close'];
  return { host, port, head: [...own, ...kept].join('\r\n') };
}

/**
 * Those of a host's addresses that a task may be connected to, IPv4 first: many homes have an IPv6 that leads nowhere.
 *
 * @param isNear whether an address is of the home, its node or the federation.
 */
export function openAddresses(
  host: string,
  addresses: readonly string[],
  isNear: (address: string) => boolean,
): readonly string[] | No {
  const open = addresses
    .slice(0, addressesJudged)
    .filter((address) => isPublic(address) && !isNear(address));
  if (open.length > 0) return open.sort((a, b) => isIP(a) - isIP(b));
  const [first = ''] = addresses;
  const what = first === host ? host : `${host} (${first})`;
  const why = isPublic(first) ? 'is of this home or of the federation' : 'is no public address';
  return no(403, `${what} ${why}: a task reaches the internet alone, nothing that is near.`);
}

export function isNo(found: object): found is No {
  return 'reason' in found;
}

export function no(status: No['status'], reason: string): No {
  return { status, reason };
}

/** null: no address. Numbers in any form become the address that they mean, 0x7f.1 for one. */
function parse(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

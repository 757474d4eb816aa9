// Reads the status of an OpenVPN server, formats 1, 2 and 3 (`status-version`), whether from its file
// or from its management socket: text in, clients and routes out. Written after what OpenVPN 2.6's
// multi_print_status writes. It reads no file and asks no server.
//
// Use format 3. In 1 and 2 a comma in a common name looks like one between values; 1 has neither
// client ids nor times of a known zone.

import { Listing } from './listing.ts';
import type { OpenVpnClient, OpenVpnRoute, OpenVpnStatus } from './status.ts';
import { malformed, quoted, torn } from './status-error.ts';
import { Table } from './table.ts';

export type { OpenVpnClient, OpenVpnRoute, OpenVpnStatus, RealAddress } from './status.ts';
export { StatusError } from './status-error.ts';

const firstLines = ['OpenVPN CLIENT LIST', 'TITLE,', 'TITLE\t'] as const;

/**
 * Reads a whole status; what follows its END is left over from one before, and does not count.
 * Throws a StatusError that names line and field, and nothing else.
 */
export function parseStatus(text: string): OpenVpnStatus {
  return read(text, { isForClients: false });
}

/** As parseStatus, and in two thirds of its time: in formats 2 and 3 the routes' values are not looked at. */
export function parseClients(text: string): readonly OpenVpnClient[] {
  return read(text, { isForClients: true }).clients;
}

interface Purpose {
  readonly isForClients: boolean;
}

function read(text: string, purpose: Purpose): OpenVpnStatus {
  const lines = text.split('\n');
  const first = withoutReturn(lines[0] ?? '');
  if (first === firstLines[0]) return readPlain(lines);
  if (first.startsWith('TITLE,')) return readKeyed(lines, 2, purpose);
  if (first.startsWith('TITLE\t')) return readKeyed(lines, 3, purpose);
  const wanted = '"OpenVPN CLIENT LIST" or "TITLE"';
  const isBegun = lines.length === 1 && firstLines.some((line) => line.startsWith(first));
  const found = first === '' && isBegun ? 'nothing' : quoted(first);
  throw isBegun ? torn({ line: 1, wanted, found }) : malformed({ line: 1, wanted, found });
}

/** Hands on each line between the first and END. */
function readLines(
  lines: readonly string[],
  listing: Listing,
  take: (text: string, line: number) => void,
): void {
  for (let at = 1; at < lines.length; at += 1) {
    const text = withoutReturn(lines[at] ?? '');
    if (text === 'END' && listing.isWhole) return;
    // The last line may be cut inside a value: it is not judged.
    if (at < lines.length - 1) take(text, at + 1);
  }
  const found = 'the end of the text';
  throw torn({ line: lines.length, wanted: 'more, up to a line END', found });
}

/** Formats 2 and 3: each line begins with what it is. */
function readKeyed(
  lines: readonly string[],
  format: 2 | 3,
  { isForClients }: Purpose,
): OpenVpnStatus {
  const listing = new Listing();
  const separator = format === 3 ? '\t' : ',';
  const skipped = isForClients ? `ROUTING_TABLE${separator}` : null;
  let writtenAtMs: number | null = null;
  readLines(lines, listing, (text, line) => {
    if (skipped !== null && listing.part === 'routes' && text.startsWith(skipped)) return;
    const values = text.split(separator);
    const [key = ''] = values;
    switch (key) {
      case 'TITLE':
        return listing.begin('title', line);
      case 'TIME':
        listing.begin('time', line);
        writtenAtMs = readTime(values, line);
        return;
      case 'HEADER':
        return readHeader(listing, { values, separator }, line);
      case 'CLIENT_LIST':
        return listing.addClient(values, line);
      case 'ROUTING_TABLE':
        return listing.addRoute(values, line);
      default:
        // GLOBAL_STATS, and what later versions may add.
        if (/^[A-Z][A-Z0-9_]*$/.test(key)) return;
        throw malformed({ line, wanted: 'a line that begins with its kind', found: quoted(text) });
    }
  });
  return { format, writtenAtMs, clients: listing.clients, routes: listing.routes };
}

function readTime(values: readonly string[], line: number): number | null {
  const table = new Table(['', 'TIME', 'TIME (time_t)'], '\t');
  table.enter(values, line);
  return table.msOrNull(2);
}

function readHeader(
  listing: Listing,
  { values, separator }: { readonly values: readonly string[]; readonly separator: string },
  line: number,
): void {
  // The rows have their kind where the header has the list's name.
  const [, name, ...names] = values;
  if (name !== 'CLIENT_LIST' && name !== 'ROUTING_TABLE') return;
  listing.begin(name === 'CLIENT_LIST' ? 'clients' : 'routes', line);
  listing.takeHeader(new Table([name, ...names], separator), line);
}

/** Format 1: what a line is follows from the lines before it. */
function readPlain(lines: readonly string[]): OpenVpnStatus {
  const listing = new Listing();
  readLines(lines, listing, (text, line) => {
    if (text === firstLines[0]) return listing.begin('title', line);
    if (text.startsWith('Updated,') && listing.part === 'title') {
      return listing.begin('clients', line);
    }
    if (text === 'ROUTING TABLE') return listing.begin('routes', line);
    if (text === 'GLOBAL STATS') return listing.begin('figures', line);
    if (listing.part === 'figures') return;
    const values = text.split(',');
    if (!listing.hasHeader()) listing.takeHeader(new Table(values, ','), line);
    else if (listing.part === 'routes') listing.addRoute(values, line);
    else listing.addClient(values, line);
  });
  const { routes } = listing;
  return { format: 1, writtenAtMs: null, clients: withAddresses(listing), routes };
}

/** In format 1 only the routes have the virtual addresses, and tell a client that is called UNDEF from
 * one of which nobody knows the name yet. */
function withAddresses({ clients, routes }: Listing): readonly OpenVpnClient[] {
  const own = new Map<string, OpenVpnRoute[]>();
  for (const route of routes) {
    if (route.isLearned || route.prefixBits !== null) continue;
    const place = placeOf(route);
    const others = own.get(place);
    if (others === undefined) own.set(place, [route]);
    else others.push(route);
  }
  return clients.map((client) => {
    const found = own.get(placeOf(client)) ?? [];
    const addresses = found.map(({ to }) => to);
    return {
      ...client,
      commonName: client.commonName ?? found[0]?.commonName ?? null,
      virtualIpv4: addresses.find((to) => !to.includes(':')) ?? null,
      virtualIpv6: addresses.find((to) => to.includes(':')) ?? null,
    };
  });
}

/** What a client and its routes have in common. */
function placeOf({ commonName, realAddress }: OpenVpnClient | OpenVpnRoute): string {
  return `${realAddress.address} ${realAddress.port} ${commonName ?? 'UNDEF'}`;
}

/** The management socket ends lines with a carriage return, too. */
function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

// The parser of OpenVPN's status: what real servers wrote is read right, what is torn or damaged is
// refused with its line, and nothing else is ever thrown.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { OpenVpnStatus } from '#openvpn-status-parser';
import { StatusError, parseClients, parseStatus } from '#openvpn-status-parser';
import { propertyRuns } from '../../property-runs.ts';
import { anyClients, listed, names, textOf, toRead, written } from './listed.ts';

/** What is thrown must be a StatusError. */
function read(text: string): OpenVpnStatus | StatusError {
  try {
    return parseStatus(text);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
}

describe('what a real server wrote is read', () => {
  test.each(['names.v3', 'later.v3', 'handshake.v1', 'handshake.v2', 'handshake.v3'])(
    '%s',
    (name) => {
      const file = join(import.meta.dirname, '../../fixtures/openvpn', `${name}.read`);
      const found = listed(parseStatus(textOf(name)));
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, found);
      expect(found).toBe(readFileSync(file, 'utf8'));
    },
  );

  it.each(names)('%s, for its clients alone', (name) => {
    expect(parseClients(textOf(name))).toEqual(parseStatus(textOf(name)).clients);
    expect(() => parseClients(textOf(name).replace(/^END$/m, ''))).toThrow(StatusError);
  });

  it('format 2 tells what format 3 does', () => {
    const { format, ...second } = parseStatus(textOf('names.v2'));
    const { format: _, ...third } = parseStatus(textOf('names.v3'));
    expect([format, second]).toEqual([2, third]);
  });

  it('format 1 tells the same but ids, ciphers and times', () => {
    const { clients, routes } = parseStatus(textOf('names.v3'));
    const without = { connectedSinceMs: null, clientId: null, peerId: null, cipher: null };
    expect(parseStatus(textOf('names.v1'))).toEqual({
      format: 1,
      writtenAtMs: null,
      clients: clients.map((client) => ({ ...client, ...without })),
      routes: routes.map((route) => ({ ...route, lastUsedAtMs: null })),
    });
  });

  it('a client that connected again has another id, and counts anew', () => {
    const [before, after] = ['names.v3', 'later.v3'].map((name) =>
      parseStatus(textOf(name)).clients.find(({ commonName }) => commonName === 'pi two'),
    );
    expect([before?.clientId, before?.bytesReceived]).toEqual([11, 2307]);
    expect([after?.clientId, after?.bytesReceived]).toEqual([14, 4230]);
  });

  it('the management socket ends lines with a carriage return, too', () => {
    const text = textOf('later.v3');
    expect(parseStatus(text.replaceAll('\n', '\r\n'))).toEqual(parseStatus(text));
  });

  it('what is left over behind END does not count', () => {
    const text = textOf('names.v3');
    expect(parseStatus(`${text}CLIENT_LIST\thalf a li`)).toEqual(parseStatus(text));
  });
});

describe('a status that was read while it was written is torn', () => {
  test.each(names)('%s, cut anywhere', (name) => {
    const text = textOf(name);
    for (let at = 0; at < text.length - 'END\n'.length; at += 1) {
      expect([at, read(text.slice(0, at))]).toMatchObject([at, { code: 'torn' }]);
    }
  });

  it('a new one over the longer one before, up to any line, is never read with a client twice', () => {
    const [before, after] = [textOf('names.v3'), textOf('later.v3')];
    let torn = 0;
    for (let at = after.indexOf('\n'); at >= 0; at = after.indexOf('\n', at + 1)) {
      const found = read(after.slice(0, at + 1) + before.slice(at + 1));
      if (found instanceof StatusError) torn += 1;
      else expect(new Set(idsOf(found)).size).toBe(idsOf(found).length);
    }
    expect(torn).toBeGreaterThan(5);
  });
});

function idsOf({ clients }: OpenVpnStatus): readonly (number | null)[] {
  return clients.map(({ clientId }) => clientId);
}

const header =
  'Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes Sent,' +
  'Connected Since,Connected Since (time_t),Username,Client ID';

/** A status of format 2 whose line 4 is this client, and line 6 this route. */
function withRows(clientRow: string, routeRow = '2001:db8::1,n1,192.0.2.7:1194,now,1'): string {
  const lines = [
    ...['TITLE,OpenVPN', 'TIME,now,1', `HEADER,CLIENT_LIST,${header}`, `CLIENT_LIST,${clientRow}`],
    'HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)',
    ...[`ROUTING_TABLE,${routeRow}`, 'END', ''],
  ];
  return lines.join('\n');
}

const good = 'n1,192.0.2.7:1194,,2001:db8::1,1,2,now,3,UNDEF,4';

const swap = (from: string, to: string): string => withRows(good.replace(from, to));
const flaws: readonly (readonly [what: string, text: string, message: string])[] = [
  [
    'no status at all',
    'hello\nEND\n',
    'line 1: wanted "OpenVPN CLIENT LIST" or "TITLE", found "hello"',
  ],
  [
    'nothing',
    '',
    'line 1: wanted "OpenVPN CLIENT LIST" or "TITLE", found nothing: it was read while it was written, read it again',
  ],
  [
    'a count with letters',
    swap(',1,2,', ',1x,2,'),
    'line 4, Bytes Received: wanted a whole number, found "1x"',
  ],
  [
    'a negative count',
    swap(',2,now', ',-2,now'),
    'line 4, Bytes Sent: wanted a whole number, found "-2"',
  ],
  [
    'an empty count',
    swap(',1,2,', ',,2,'),
    'line 4, Bytes Received: wanted a whole number, found ""',
  ],
  [
    'a client id that is none',
    swap(',4', ',four'),
    'line 4, Client ID: wanted a whole number, found "four"',
  ],
  [
    'no address',
    swap('192.0.2.7:1194', 'nowhere'),
    'line 4, Real Address: wanted an address and a port, found "nowhere"',
  ],
  [
    'a port beyond all',
    swap(':1194', ':65536'),
    'line 4, Real Address: wanted an address and a port, found "<address>"',
  ],
  [
    'an address in the tunnel that is none',
    swap('2001:db8::1', '2001:db8::x'),
    'line 4, Virtual IPv6 Address: wanted an address, found "<address>x"',
  ],
  [
    'IPv6 where IPv4 belongs',
    swap(',,', ',::1,'),
    'line 4, Virtual Address: wanted an address, found "<address>"',
  ],
  [
    'too few values',
    withRows('n1,192.0.2.7:1194'),
    'line 4: wanted 11 values, as its header has, found 3',
  ],
  [
    'too many in format 3',
    withRows(`${good},more`).replaceAll(',', '\t'),
    'line 4: wanted 11 values, as its header has, found 12',
  ],
  [
    'a route to nowhere',
    withRows(good, 'C,n1,192.0.2.7:1,now,1'),
    'line 6, Virtual Address: wanted an address or a network, found "C"',
  ],
  [
    'a network that is too narrow',
    withRows(good, '2001:db8::/129,n1,192.0.2.7:1,now,1'),
    'line 6, Virtual Address: wanted an address or a network, found "<address>/129"',
  ],
  [
    'no column for the bytes',
    withRows(good).replace('Bytes Sent,', ''),
    'line 3, Bytes Sent: wanted a column of that name, found none',
  ],
  [
    'a line of no kind',
    withRows(good).replace('HEADER,ROUTING', 'header,ROUTING'),
    'line 5: wanted a line that begins with its kind, found "header,ROUTING_TABLE,Virtual Address,Common Name,Real Addres…"',
  ],
  [
    'a line that begins within a client',
    `${withRows(good)}pi,[2001:db8::7]:1194,198.51.100.7\nEND\n`.replace(/END\n(?=.)/, ''),
    'line 7: wanted a line that begins with its kind, found "pi,[<address>]:1194,<address>"',
  ],
  [
    'a long value',
    swap('192.0.2.7:1194', 'x'.repeat(500)),
    `line 4, Real Address: wanted an address and a port, found "${'x'.repeat(60)}…"`,
  ],
];

describe('a flaw is told with its line and field', () => {
  test.each(flaws)('%s', (_, text, message) => {
    expect(read(text)).toMatchObject({ message: `OpenVPN status, ${message}` });
  });

  it('parts that come twice, or back, are torn', () => {
    const text = withRows(good);
    const lines = text.split('\n');
    const twice = [...lines.slice(0, 4), ...lines.slice(2)].join('\n');
    const back = [...lines.slice(0, 6), ...lines.slice(3)].join('\n');
    const sameId = [...lines.slice(0, 4), ...lines.slice(3)].join('\n');
    for (const each of [twice, back, sameId]) expect(read(each)).toMatchObject({ code: 'torn' });
  });
});

describe('what other versions write is read, too', () => {
  it('without IPv6, ids and ciphers, as before OpenVPN 2.4', () => {
    const old = withRows('n1,192.0.2.7:1194,10.8.0.2,1,2,now,3,UNDEF')
      .replace('Virtual IPv6 Address,', '')
      .replace(',Client ID', '');
    const [client] = parseStatus(old).clients;
    expect(client).toMatchObject({ virtualIpv4: '10.8.0.2', virtualIpv6: null, clientId: null });
  });

  const addresses: readonly (readonly [text: string, address: string, port: number | null])[] = [
    ['192.0.2.7:1194', '192.0.2.7', 1194],
    ['192.0.2.7', '192.0.2.7', null],
    ['2001:db8::7', '2001:db8::7', null],
    ['::192.0.2.7', '::192.0.2.7', null],
    ['[2001:db8::7]:1194', '2001:db8::7', 1194],
    ['udp4:192.0.2.7:1194', '192.0.2.7', 1194],
    ['tcp6-server:[2001:db8::7]:1194', '2001:db8::7', 1194],
  ];
  test.each(addresses)('a client at %s', (text, address, port) => {
    const [client] = parseStatus(withRows(good.replace('192.0.2.7:1194', text))).clients;
    expect(client?.realAddress).toEqual({ address, port });
  });

  const routes: readonly (readonly [text: string, to: string, isLearned: boolean])[] = [
    ['2001:db8::c', '2001:db8::c', false],
    ['2001:db8::cC', '2001:db8::c', true],
    ['10.8.0.2C', '10.8.0.2', true],
    ['0a:1b:2c:3d:4e:5f@7', '0a:1b:2c:3d:4e:5f@7', false],
  ];
  test.each(routes)('a route to %s', (text, to, isLearned) => {
    const [route] = parseStatus(withRows(good, `${text},n1,192.0.2.7:1,now,1`)).routes;
    expect(route).toMatchObject({ to, isLearned, prefixBits: null });
  });
});

describe('whatever comes', () => {
  it('clients of any name and number are read as they were written in format 3', () => {
    fc.assert(
      fc.property(anyClients, (clients) => {
        expect(parseStatus(written(clients, '\t')).clients).toEqual(toRead(clients));
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  it('and in format 2, commas in names and all', () => {
    fc.assert(
      fc.property(anyClients, (clients) => {
        expect(parseStatus(written(clients, ',')).clients).toEqual(toRead(clients));
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  it('any bytes are read, or refused by a StatusError', () => {
    const begin = fc.constantFrom('', 'TITLE,x\n', 'TITLE\tx\n', 'OpenVPN CLIENT LIST\n');
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(begin, bytes, (first, rest) => void read(first + Buffer.from(rest).toString())),
      { numRuns: propertyRuns(500) },
    );
  });

  it('real statuses with bytes changed, and parts of two put together, likewise', () => {
    const texts = names.map(textOf);
    const text = fc.constantFrom(...texts);
    const place = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.record({ one: text, other: text, place, with: fc.string() }), (each) => {
        const at = Math.floor(each.place * each.one.length);
        read(each.one.slice(0, at) + each.with + each.one.slice(at + each.with.length));
        read(each.one.slice(0, at) + each.other.slice(at));
      }),
      { numRuns: propertyRuns(500) },
    );
  });
});

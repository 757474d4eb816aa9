// Statuses for the tests of the parser: those of real servers, and any that a server could write.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { OpenVpnClient, OpenVpnStatus } from '#openvpn-status-parser';

const folder = join(import.meta.dirname, '../../fixtures/openvpn');
export const names = [
  ...['names.v1', 'names.v2', 'names.v3', 'later.v3'],
  ...['handshake.v1', 'handshake.v2', 'handshake.v3'],
];

export function textOf(name: string): string {
  return readFileSync(join(folder, `${name}.status`), 'utf8');
}

/** What was read, a line a client and a route. */
export function listed({ writtenAtMs, clients, routes }: OpenVpnStatus): string {
  const clientText = (client: OpenVpnClient): string => {
    const { address, port } = client.realAddress;
    return [
      `client ${client.clientId}: ${client.commonName ?? '(handshake)'}`,
      `from ${address} port ${port}`,
      `at ${client.virtualIpv4} ${client.virtualIpv6}`,
      `${client.bytesReceived} in ${client.bytesSent} out since ${client.connectedSinceMs}`,
      `peer ${client.peerId} ${client.cipher}`,
    ].join(', ');
  };
  const routeTexts = routes.map(({ to, prefixBits, isLearned, commonName, lastUsedAtMs }) => {
    const network = prefixBits === null ? to : `${to}/${prefixBits}`;
    return `route ${network} by ${commonName}${isLearned ? ', learned' : ''}, used ${lastUsedAtMs}`;
  });
  return [`written ${writtenAtMs}`, ...clients.map(clientText), ...routeTexts, ''].join('\n');
}

const seconds = fc.integer({ min: 1_500_000_000, max: 4_000_000_000 });
const port = fc.integer({ min: 1, max: 65_535 });
const ipv4 = fc.ipV4();
// As OpenVPN writes it, by inet_ntop.
const ipv6 = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
  .map((groups) => new URL(`http://[${groups.map((g) => g.toString(16)).join(':')}]`).hostname)
  .map((host) => host.slice(1, -1));
/** OpenVPN turns what can't be printed into "_". */
const commonName = fc
  .string({ minLength: 1, maxLength: 64 })
  .map((text) => text.replaceAll(/[\t\n\r]/g, '_'));

const client = fc.record({
  commonName,
  realAddress: fc.oneof(
    fc.record({ address: ipv4, port }),
    fc.record({ address: ipv6, port: fc.constant(null) }),
  ),
  virtualIpv4: fc.option(ipv4),
  virtualIpv6: ipv6,
  bytesReceived: fc.nat({ max: 2 ** 53 - 1 }),
  bytesSent: fc.nat({ max: 2 ** 53 - 1 }),
  connectedSince: seconds,
  peerId: fc.nat(),
  cipher: fc.constantFrom('AES-128-GCM', 'CHACHA20-POLY1305'),
});

export const anyClients = fc.array(client, { maxLength: 20 });
export type AnyClient = typeof client extends fc.Arbitrary<infer T> ? T : never;

/** What format 3 has of them: client ids count up. */
export function toRead(clients: readonly AnyClient[]): readonly OpenVpnClient[] {
  return clients.map(({ connectedSince, ...rest }, clientId) => ({
    ...rest,
    connectedSinceMs: 1000 * connectedSince,
    connectedSinceText: 'some time',
    username: null,
    clientId,
  }));
}

/** The client list of format 2 or 3, and one route for each client. */
export function written(clients: readonly AnyClient[], separator: ',' | '\t'): string {
  const rows = clients.map((each, clientId) => [
    ...['CLIENT_LIST', each.commonName, realText(each), each.virtualIpv4 ?? '', each.virtualIpv6],
    ...[each.bytesReceived, each.bytesSent, 'some time', each.connectedSince, 'UNDEF'],
    ...[clientId, each.peerId, each.cipher],
  ]);
  const routes = clients.map((each) => [
    ...['ROUTING_TABLE', `${each.virtualIpv6}C`, each.commonName, realText(each)],
    ...['some time', each.connectedSince],
  ]);
  const [, , clientHeader = ''] = textOf('names.v3').split('\n');
  const lines = [
    ...[['TITLE', 'OpenVPN'], ['TIME', 'some time', 1_795_332_617], clientHeader.split('\t')],
    ...rows,
    'HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)'.split(
      ',',
    ),
    ...[...routes, ['GLOBAL_STATS', 'dco_enabled', 0], ['END']],
  ];
  return lines.map((line) => `${line.join(separator)}\n`).join('');
}

function realText({ realAddress: { address, port: from } }: AnyClient): string {
  return from === null ? address : `${address}:${from}`;
}

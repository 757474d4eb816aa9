// What it takes to read the status of a server with many clients, as its management socket sends it.

import { createHash } from 'node:crypto';
import { parseStatus } from '#openvpn-status-parser';
import type { Benchmark, Outcome, Size } from './figure.ts';

const scales = { full: { clients: 10_000, runs: 40 }, tiny: { clients: 50, runs: 3 } } as const;

export const tunnels: Benchmark = {
  name: 'tunnels',
  about: 'the status of an OpenVPN server with 10,000 clients is read',
  run(size: Size): Promise<Outcome> {
    const { clients, runs } = scales[size];
    const text = statusOf(clients);
    const reads: number[] = [];
    const splits: number[] = [];
    let digest = '';
    for (let run = 0; run < runs; run += 1) {
      // Another text each time: V8 remembers much of a string that it has seen.
      const fresh = Buffer.from(text).toString();
      splits.push(timed(() => mustBe(splitUp(fresh), 2 * clients + 5)));
      reads.push(timed(() => (digest = digestOf(fresh, clients))));
    }
    const what = `CPU for the status of ${clients.toLocaleString('en-US')} clients, ${Math.round(text.length / 1000)} kB`;
    const baseline = { what: 'its lines and values, split', values: splits };
    const wanted = { atMost: 50 };
    return Promise.resolve({
      figures: [{ what, unit: 'ms', values: reads, wanted, baseline }],
      digest,
    });
  },
};

/** CPU of this process, its garbage collector's threads included. */
function timed(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function splitUp(text: string): number {
  let lines = 0;
  for (const line of text.split('\n')) if (line.split('\t').length > 1) lines += 1;
  return lines;
}

function mustBe(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`wanted ${wanted} lines, found ${found}`);
}

/** Reads it, and looks at what each client sent. */
function digestOf(text: string, count: number): string {
  const { clients, routes } = parseStatus(text);
  if (clients.length !== count || routes.length !== count) throw new Error('some are missing');
  let sum = 0;
  for (const { clientId, bytesReceived } of clients) sum += (clientId ?? 0) * bytesReceived;
  return createHash('sha256').update(String(sum)).digest('hex').slice(0, 16);
}

/** Format 3, four clients behind each router. */
function statusOf(count: number): string {
  const head = [
    ['TITLE', 'OpenVPN 2.6.14 x86_64-pc-linux-gnu'],
    ['TIME', '2026-11-22 07:30:17', '1795332617'],
    ['HEADER', 'CLIENT_LIST', 'Common Name', 'Real Address', 'Virtual Address'].concat(
      ['Virtual IPv6 Address', 'Bytes Received', 'Bytes Sent', 'Connected Since'],
      ['Connected Since (time_t)', 'Username', 'Client ID', 'Peer ID', 'Data Channel Cipher'],
    ),
  ];
  const numbers = Array.from({ length: count }, (_, number) => number);
  const clients = numbers.map((number) => [
    ...['CLIENT_LIST', nameOf(number), routerOf(number), '', addressOf(number)],
    ...[String((number * 7_919_003) % 1e9), String((number * 104_729_017) % 1e10)],
    ...['2026-11-22 07:28:35', '1795332515', 'UNDEF', String(number), String(number)],
    'AES-128-GCM',
  ]);
  const routeHead = ['HEADER', 'ROUTING_TABLE', 'Virtual Address', 'Common Name', 'Real Address'];
  const routes = numbers.map((number) => [
    ...['ROUTING_TABLE', addressOf(number), nameOf(number), routerOf(number)],
    ...['2026-11-22 07:29:41', '1795332581'],
  ]);
  const rows = [
    ...[...head, ...clients, routeHead.concat('Last Ref', 'Last Ref (time_t)'), ...routes],
    ['GLOBAL_STATS', 'dco_enabled', '0'],
  ];
  return `${rows.map((row) => row.join('\t')).join('\n')}\nEND\n`;
}

function nameOf(number: number): string {
  return `n${(number * 2_654_435_761).toString(16).padStart(14, '0')}`;
}

function routerOf(number: number): string {
  const home = Math.floor(number / 4);
  return `198.51.${home >> 8}.${home & 255}:${1_024 + (number % 60_000)}`;
}

function addressOf(number: number): string {
  return `2001:db8:f00d:1::${(number + 1).toString(16)}`;
}

// What it takes to take in the status of a server with many clients, as its management socket sends it.

import { createHash } from 'node:crypto';
import { parseClients, parseStatus } from '#openvpn-status-parser';
import { AnswerReader } from '../scheduler/adapters/tunnels/answer-reader.ts';
import { NatGroups } from '../scheduler/adapters/tunnels/nat-groups.ts';
import { tunnelOf } from '../scheduler/adapters/tunnels/tunnel-of.ts';
import type { Command } from '../scheduler/core/index.ts';
import { State, apply, decide, instant } from '../scheduler/core/index.ts';
import { balance } from '../scheduler/core/placement/policies/balance.ts';
import { enrolNodes } from './busy-state.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';

const scales = { full: { clients: 10_000, runs: 40 }, tiny: { clients: 50, runs: 3 } } as const;

export const tunnels: Benchmark = {
  name: 'tunnels',
  about: 'the status of an OpenVPN server with 10,000 clients is taken in',
  run(size: Size): Promise<Outcome> {
    const { clients, runs } = scales[size];
    const core = coreWith(clients);
    const text = statusOf(core.state.nodes.map((node) => node.nodeId));
    const natGroups = new NatGroups(Buffer.alloc(32, 7));
    const reads: number[] = [];
    const splits: number[] = [];
    const whole: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      // Another text each time: V8 remembers much of a string that it has seen.
      const fresh = Buffer.from(text).toString();
      splits.push(timed(() => mustBe(splitUp(fresh), 2 * clients + 5)));
      reads.push(timed(() => mustBe(parseStatus(fresh).clients.length, clients)));
      const answer = Buffer.from(text);
      whole.push(timed(() => core.take(answer, natGroups)));
    }
    const many = `${clients.toLocaleString('en-US')} clients, ${Math.round(text.length / 1000)} kB`;
    const figure = {
      unit: 'ms',
      baseline: { what: 'its lines and values, split', values: splits },
    };
    return Promise.resolve({
      figures: [
        { what: `CPU to read a status of ${many}`, values: reads, ...figure },
        {
          ...{ what: '… as it comes, until the core has it', values: whole, ...figure },
          wanted: { atMost: 50 },
        },
      ],
      digest: digestOf(core.state),
    });
  },
};

/** A core that knows so many nodes, and hears of them what servers say. */
function coreWith(nodes: number): {
  readonly state: State;
  readonly take: (answer: Buffer, natGroups: NatGroups) => void;
} {
  const state = new State();
  let nowMs = 1_800_000_000_000;
  const give = (command: Command): void => {
    nowMs += 1;
    for (const fact of decide(state, command, { now: instant(nowMs), policy: balance }).facts) {
      apply(state, fact);
    }
  };
  for (const command of enrolNodes(nodes, nowMs)) give(command);
  const take = (answer: Buffer, natGroups: NatGroups): void => {
    let text = '';
    const reader = new AnswerReader({
      answer: (whole) => (text = whole),
      notice: () => undefined,
    });
    // As a socket hands it on.
    for (let at = 0; at < answer.length; at += 65_536)
      reader.take(answer.subarray(at, at + 65_536));
    const found = parseClients(text).flatMap((each) => tunnelOf(each, natGroups) ?? []);
    give({ kind: 'tunnelsSeen', slice: 1, tunnels: found });
  };
  return { state, take };
}

/** Each node was heard, and the nodes of each home are together. */
function digestOf(state: State): string {
  mustBe(state.nodes.filter(({ sight }) => sight !== null).length, state.nodes.length);
  mustBe(state.natGroups.size, Math.ceil(state.nodes.length / 4));
  const text = state.nodes.map(({ siteNumber, sight }) => [siteNumber, sight?.upBytes]).join();
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

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

/** Format 3, four clients behind each router. */
function statusOf(names: readonly string[]): string {
  const head = [
    ['TITLE', 'OpenVPN 2.6.14 x86_64-pc-linux-gnu'],
    ['TIME', '2026-11-22 07:30:17', '1795332617'],
    ['HEADER', 'CLIENT_LIST', 'Common Name', 'Real Address', 'Virtual Address'].concat(
      ['Virtual IPv6 Address', 'Bytes Received', 'Bytes Sent', 'Connected Since'],
      ['Connected Since (time_t)', 'Username', 'Client ID', 'Peer ID', 'Data Channel Cipher'],
    ),
  ];
  const clients = names.map((name, number) => [
    ...['CLIENT_LIST', name, routerOf(number), '', addressOf(number)],
    ...[String((number * 7_919_003) % 1e9), String((number * 104_729_017) % 1e10)],
    ...['2026-11-22 07:28:35', '1795332515', 'UNDEF', String(number), String(number)],
    'AES-128-GCM',
  ]);
  const routeHead = ['HEADER', 'ROUTING_TABLE', 'Virtual Address', 'Common Name', 'Real Address'];
  const routes = names.map((name, number) => [
    ...['ROUTING_TABLE', addressOf(number), name, routerOf(number)],
    ...['2026-11-22 07:29:41', '1795332581'],
  ]);
  const rows = [
    ...[...head, ...clients, routeHead.concat('Last Ref', 'Last Ref (time_t)'), ...routes],
    ['GLOBAL_STATS', 'dco_enabled', '0'],
  ];
  return `${rows.map((row) => row.join('\t')).join('\n')}\nEND\n`;
}

function routerOf(number: number): string {
  const home = Math.floor(number / 4);
  return `198.51.${home >> 8}.${home & 255}:${1_024 + (number % 60_000)}`;
}

function addressOf(number: number): string {
  return `2001:db8:f00d:1::${(number + 1).toString(16)}`;
}

// What the scheduler hears of tunnels, from real OpenVPN servers with real clients behind NAT.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Network } from '../../../lab/network.ts';
import type { Space } from '../../../lab/space.ts';
import { AddressBook } from '../../../scheduler/adapters/tunnels/address-book.ts';
import { NatGroups } from '../../../scheduler/adapters/tunnels/nat-groups.ts';
import { OpenVpnTunnels } from '../../../scheduler/adapters/tunnels/tunnels.ts';
import type { TunnelSeen, TunnelsSeen } from '../../../scheduler/core/index.ts';
import { nodeId } from '../../../scheduler/core/index.ts';
import { runToEnd } from '../../run-to-end.ts';
import { OpenVpnLab } from './openvpn-lab.ts';

const missing = whyNot();
const home = { nodes: 2, downBps: 20_000_000, upBps: 4_000_000 };
const revoked = new Set<string>();

/** What was heard last of each server, and what is waited for. */
class Ear {
  readonly events: string[] = [];
  readonly #last = new Map<number, ReadonlyMap<string, TunnelSeen>>();
  #heard: () => void = () => undefined;

  hear = ({ slice, tunnels }: TunnelsSeen): void => {
    this.#last.set(slice, new Map(tunnels.map((tunnel) => [tunnel.nodeId, tunnel])));
    this.#heard();
  };

  log = (event: string, fields: Record<string, unknown>): void => {
    this.events.push(`${event} ${String(fields['slice'] ?? fields['node'])}`);
    this.#heard();
  };

  of(slice: number, node: string): TunnelSeen | undefined {
    return this.#last.get(slice)?.get(node);
  }

  /** Until it is so, of what was heard after now. */
  async until(isSo: () => boolean): Promise<void> {
    do await new Promise<void>((resolve) => (this.#heard = resolve));
    while (!isSo());
  }
}

// Two servers, and nodes in two homes.
const ear = new Ear();
const data = mkdtempSync(join(tmpdir(), 'punnet-tunnels-'));
const book = AddressBook.open(data, Date.now());
let network: Network;
let lab: OpenVpnLab;
let tunnels: OpenVpnTunnels;

beforeAll(async () => {
  if (missing !== undefined) return;
  network = Network.create([
    { name: 'one', ...home },
    { name: 'two', ...home },
  ]);
  lab = await OpenVpnLab.create(network, ['east', 'west']);
  await Promise.all([lab.startServer('east'), lab.startServer('west')]);
  await Promise.all([
    lab.connect('n1', network.node('one-1'), 1),
    lab.connect('n2', network.node('one-2'), 2),
    lab.connect('n3', network.node('two-1'), 1),
  ]);
  tunnels = new OpenVpnTunnels({
    ...{ servers: lab.servers, natGroups: NatGroups.open(data), addressBook: book },
    ...{ submit: ear.hear, log: ear.log, everyMs: 100, retryMs: 100 },
    isRevoked: (id) => revoked.has(id),
    nowUnixMs: () => Date.now(),
  });
  tunnels.start();
});
afterAll(async () => {
  await tunnels?.stop();
  await lab?.close();
  await network?.close();
  rmSync(data, { recursive: true });
});
beforeEach((context) => context.skip(missing !== undefined, missing));

test('each is heard of where it is, nodes of one home in one NAT group', async () => {
  await ear.until(() => [ear.of(1, 'n1'), ear.of(2, 'n2'), ear.of(1, 'n3')].every(Boolean));
  const [n1, n2, n3] = [ear.of(1, 'n1'), ear.of(2, 'n2'), ear.of(1, 'n3')];
  expect(n1?.natGroup).toBe(n2?.natGroup);
  expect(n1?.natGroup).not.toBe(n3?.natGroup);
  expect(Math.abs(Date.now() - (n1?.since ?? 0))).toBeLessThan(60_000);
  const addresses = ['n1', 'n2', 'n3'].map((id) => book.of(id, Date.now())[0]?.address);
  expect(addresses).toEqual(['198.18.0.2', '198.18.0.2', '198.18.0.6']);
});

test('what a node sends and gets is counted', async () => {
  const before = ear.of(1, 'n1');
  send(network.node('one-1'), 20);
  const grownBytes = (): number => (ear.of(1, 'n1')?.upBytes ?? 0) - (before?.upBytes ?? 0);
  await ear.until(() => grownBytes() > 20_000);
  expect(grownBytes()).toBeLessThan(30_000);
  expect(ear.of(1, 'n1')?.downBytes).toBeGreaterThan(0);
  expect(ear.of(1, 'n1')?.connection).toBe(before?.connection);
});

test('a node that moves is in the NAT group of its new home', async () => {
  const before = ear.of(1, 'n1');
  network.move('one-1', 'two');
  const moved = ear.until(() => ear.of(1, 'n1')?.natGroup === ear.of(1, 'n3')?.natGroup);
  // Its next packet comes from elsewhere; without one, its ping does.
  send(network.node('one-1'), 1);
  await moved;
  expect(ear.of(1, 'n1')?.natGroup).not.toBe(before?.natGroup);
  expect(book.of('n1', Date.now()).map(({ address }) => address)).toEqual([
    ...['198.18.0.6', '198.18.0.2'],
  ]);
});

test('a tunnel that is ended is there no more, and its addresses are forgotten', async () => {
  revoked.add('n3');
  lab.folder.expel('n3');
  const gone = ear.until(() => ear.of(1, 'n3') === undefined);
  await tunnels.end(nodeId('n3'));
  await gone;
  expect(ear.events).toContain('the tunnel of a revoked node was ended n3');
  expect(book.of('n3', Date.now())).toEqual([]);
});

test('a server that restarts is found again, and what its clients count begins anew', async () => {
  const before = ear.of(2, 'n2');
  const away = ear.until(() => ear.events.includes('an OpenVPN server is away 2'));
  await lab.end('west');
  await away;
  await lab.startServer('west');
  await ear.until(() => ![undefined, before?.connection].includes(ear.of(2, 'n2')?.connection));
  expect(ear.events).toContain('an OpenVPN server is back 2');
  expect(ear.of(2, 'n2')?.natGroup).toBe(before?.natGroup);
});

/** Sends so many kilobytes through its tunnel. */
function send(node: Space, packets: number): void {
  node.run(['node', '-e', sending, String(packets)]);
}

const sending = `
  const socket = require('node:dgram').createSocket('udp6');
  const send = (left) => left === 0 ? socket.close() :
    socket.send(Buffer.alloc(1000), 9, 'fd12:3456:789a:1::1', () => send(left - 1));
  send(Number(process.argv[1]));`;

function whyNot(): string | undefined {
  if (runToEnd('openvpn', ['--version']).status === null) return 'openvpn is not here';
  return Network.missing();
}

// The overlay with real OpenVPN: nodes enrol behind NAT and come by their tunnels, the core reaches
// them and they reach the core alone, and who has no right to be in is out.

import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  certificateRequest,
  makeTunnelKey,
} from '../../agent/adapters/overlay/certificate-request.ts';
import { Network } from '../../lab/network.ts';
import { overlayCore as core6, overlayPrefix as prefix, up } from '../../lab/overlay.ts';
import { openAuthority } from '../../scheduler/adapters/pki/authority.ts';
import { NodeCertificates } from '../../scheduler/adapters/pki/node-certificates.ts';
import { reaches } from '../lab/reaches.ts';
import { OverlayRig } from './overlay-rig.ts';
import type { Program } from './program.ts';
import { until } from './rig.ts';

const missing = Network.missing();

let rig: OverlayRig;
const tunnels = new Map<string, Program>();

beforeAll(async () => {
  if (missing !== undefined) return;
  rig = await OverlayRig.start(['main=CORE:1194', 'tcp=CORE:1443/tcp']);
  for (const name of ['one-1', 'two-1']) {
    await rig.enrol(name);
    await connect(name);
  }
});
beforeEach((context) => context.skip(missing !== undefined, missing));
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
});
afterAll(() => rig?.stop());

/** Begins a node's tunnel anew. */
async function connect(name: string, changes: readonly string[] = []): Promise<Program> {
  const tunnel = await begin(name, changes);
  await tunnel.said(up);
  return tunnel;
}

async function begin(name: string, changes: readonly string[] = []): Promise<Program> {
  await tunnels.get(name)?.kill('SIGTERM');
  const tunnel = rig.tunnel(name, changes);
  tunnels.set(name, tunnel);
  return tunnel;
}

test('a node has the address that it was given, and works over the bus, which is nowhere else', async () => {
  expect(['one-1', 'two-1'].map((name) => rig.addressOf(name))).toEqual([
    `${prefix}:1::10`,
    `${prefix}:1::11`,
  ]);
  const agent = rig.agent('one-1');
  await untilHealthy('one-1');
  await agent.kill('SIGTERM');
  const inventory = await rig.punnet('--output', 'ansible', 'nodes');
  expect(inventory).toContain(`"ansible_host": "${prefix}:1::10"`);
  const port = natsPort();
  expect(reaches(rig.network.core, core6, port)).toBe('yes');
  expect(reaches(rig.network.node('two-1'), core6, port)).toBe('yes');
  expect(reaches(rig.network.core, '203.0.113.10', port)).toBe('refused');
});

test('a node whose credentials have ended renews them with its own key, and works', async () => {
  const file = join(rig.stateOf('two-1'), 'identity.json');
  const identity = JSON.parse(readFileSync(file, 'utf8')) as { natsJwt: string };
  const [head, claims = '', seal] = identity.natsJwt.split('.');
  // The bus does not take it: it is not what was signed.
  const ended = JSON.stringify({
    ...JSON.parse(Buffer.from(claims, 'base64url').toString()),
    exp: 1,
  });
  const natsJwt = [head, Buffer.from(ended).toString('base64url'), seal].join('.');
  writeFileSync(file, JSON.stringify({ ...identity, natsJwt }));
  const certificate = join(rig.stateOf('two-1'), 'overlay/node.crt');
  const before = readFileSync(certificate, 'utf8');
  const agent = rig.agent('two-1');
  await agent.said('credentials renewed');
  await untilHealthy('two-1');
  await agent.kill('SIGTERM');
  expect(readFileSync(certificate, 'utf8')).not.toBe(before);
  await connect('two-1');
});

test('the core reaches a node; a node does not reach another, but for the rules it would', () => {
  const { core } = rig.network;
  const [one, two] = [rig.network.node('one-1'), rig.addressOf('two-1')];
  // Nobody listens there: that a node says so itself shows that it was reached.
  expect(reaches(core, two, 9)).toBe('refused');
  expect(reaches(one, two, 9)).toBe('no');
  core.run(['nft', 'delete', 'table', 'inet', 'punnet_overlay']);
  expect(reaches(one, two, 9)).toBe('refused');
  expect(lookAtFirewall()).toMatch(/^<4>The firewall of the overlay was gone: .* again\.\n$/);
  expect(reaches(one, two, 9)).toBe('no');
});

/** As its timer does at the core; what it said. */
function lookAtFirewall(): string {
  const unit = readFileSync(join(rig.data, 'overlay/punnet-overlay-firewall.service'), 'utf8');
  const [, script = '', rules = ''] = /^ExecStart=\/bin\/sh -c '(.*)' "(.*)"$/m.exec(unit) ?? [];
  return rig.network.core.run(['/bin/sh', '-c', script.replaceAll('$$', '$'), rules]);
}

test.each([
  ['all rules', ['flush', 'ruleset']],
  ['what holds nodes at the core', ['flush', 'chain', 'inet', 'punnet_overlay', 'input']],
  ['what keeps nodes apart', ['delete', 'chain', 'inet', 'punnet_overlay', 'forward']],
])(
  'at the core a hand that takes away %s is noticed, and rules that stand are left',
  (_what, deed) => {
    const { core } = rig.network;
    const before = core.run(['nft', 'list', 'table', 'inet', 'punnet_overlay']);
    expect(lookAtFirewall()).toBe('');
    core.run(['nft', ...deed]);
    expect(lookAtFirewall()).toContain('loaded again');
    expect(core.run(['nft', 'list', 'table', 'inet', 'punnet_overlay'])).toBe(before);
    expect(lookAtFirewall()).toBe('');
  },
);

test("of the scheduler's machine a node reaches bus and HTTPS at the core's address alone", () => {
  const one = rig.network.node('one-1');
  expect(reaches(one, core6, natsPort())).toBe('yes');
  // Nobody listens there in this lab: that the core says so itself shows that it was reached.
  expect(reaches(one, core6, 8443)).toBe('refused');
  for (const port of [9, 22, 7443]) expect(reaches(one, core6, port)).toBe('no');
  expect(reaches(one, `${prefix}:1::1`, natsPort())).toBe('no');
});

test("what a node says in another's name does not arrive", async () => {
  const one = rig.network.node('one-1');
  const two = rig.addressOf('two-1');
  const heard = rig.run('listener', rig.network.core, ['node', '-e', listen, core6]);
  const port = await heard.said('');
  rig.network.core.run(['nft', 'add', 'element', ...udpOfNodes, `{ ${port} }`]);
  one.run(['ip', '-6', 'address', 'add', `${two}/128`, 'dev', 'punnet', 'nodad']);
  one.run(['node', '-e', say, core6, port, two, 'as two-1']);
  one.run(['ip', '-6', 'address', 'delete', `${two}/128`, 'dev', 'punnet']);
  one.run(['node', '-e', say, core6, port, rig.addressOf('one-1'), 'as itself']);
  await heard.said('as itself');
  expect(heard.lines).toEqual([port, `${rig.addressOf('one-1')} as itself`]);
  await heard.kill();
});

const udpOfNodes = ['inet', 'punnet_overlay', 'udp_of_nodes'];

const listen = `
  const socket = require('node:dgram').createSocket('udp6');
  socket.on('message', (bytes, { address }) => console.log(address + ' ' + bytes));
  socket.bind(0, process.argv[1], () => console.log(socket.address().port));`;

const say = `
  const [core, port, own, text] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp6');
  socket.bind(0, own, () => socket.send(text, Number(port), core, () => process.exit()));`;

test('a node where no UDP gets out comes in by TCP, with the address that it has there', async () => {
  const two = rig.network.node('two-1');
  two.run(
    ['nft', '-f', '-'],
    'table inet no_udp { chain out { type filter hook output priority 0; udp dport 1194 drop; }; }',
  );
  const conf = join(rig.stateOf('two-1'), 'overlay/client.conf');
  const whole = readFileSync(conf, 'utf8');
  // Twenty seconds are long for a test.
  writeFileSync(conf, whole.replaceAll('connect-timeout 20', 'connect-timeout 2'));
  await connect('two-1');
  expect(reaches(rig.network.core, `${prefix}:2::11`, 9)).toBe('refused');
  expect(reaches(two, core6, natsPort())).toBe('yes');
  writeFileSync(conf, whole);
  two.run(['nft', 'delete', 'table', 'inet', 'no_udp']);
});

describe('OpenVPN', () => {
  test('follows no server that pushes a gateway, routes, DNS or another address', async () => {
    const wanted = ['redirect-gateway ipv6', 'route-ipv6 2000::/3', 'dhcp-option DNS 192.0.2.1'];
    const more = [...wanted, 'block-outside-dns', 'ping-exit 5', 'route 0.0.0.0 128.0.0.0'];
    withClientFile((text) => text + more.map((each) => `push "${each}"\n`).join(''));
    const tunnel = await connect('two-1');
    for (const each of more) await tunnel.said(`Pushed option removed by filter: '${each}'`);
    const routes = rig.network.node('two-1').run(['ip', '-6', 'route']);
    expect(routes).not.toContain('2000::');
    expect(routes).not.toContain('default');
    withClientFile((text) => text.replace(`${prefix}:1::11`, `${prefix}:1::99`));
    const other = await begin('two-1');
    await other.said("removed by filter: 'ifconfig-ipv6");
    withClientFile((text) => text);
  });

  /** Lets the server read another file of the node's in place of its own. */
  function withClientFile(change: (text: string) => string): void {
    const own = `ifconfig-ipv6-push ${prefix}:1::11/64 ${prefix}:1::1\n`;
    writeFileSync(clientFile(), change(own));
  }

  test('lets nobody in for whom the scheduler wrote no file', async () => {
    renameSync(clientFile(), `${clientFile()}.away`);
    const tunnel = await begin('two-1');
    await tunnel.said('AUTH_FAILED');
    expect(tunnel.tail(1_000)).not.toContain(up);
    // It goes on asking, so that nobody needs to start it again.
    renameSync(`${clientFile()}.away`, clientFile());
    await tunnel.said(up);
  });

  test("lets nobody in with the certificate of another federation's CA", async () => {
    const other = join(rig.folder, 'other');
    const key = makeTunnelKey();
    const foreign = NodeCertificates.open(other, await openAuthority(other));
    const pem = await foreign.issue(nodeId('two-1'), certificateRequest(key));
    const [certFile, keyFile] = [join(other, 'node.crt'), join(other, 'node.key')];
    writeFileSync(certFile, pem);
    writeFileSync(keyFile, key);
    const from = rig.server.lines.length;
    const tunnel = await begin('two-1', ['--cert', certFile, '--key', keyFile]);
    await rig.server.said('VERIFY ERROR', from);
    await tunnel.kill('SIGTERM');
    expect(tunnel.tail(1_000)).not.toContain(up);
    await connect('two-1');
  });

  function clientFile(): string {
    return join(rig.data, 'overlay/main/ccd', nodeId('two-1'));
  }
});

test('where a node connects from is seen, for the operator', async () => {
  const shown = await until('an address that was seen', async () => {
    const text = await rig.punnet('node', 'one-1');
    return text.includes('connects from') ? text : undefined;
  });
  expect(shown).toMatch(/connects from +198\.18\.0\.2, seen/);
  expect(shown).toMatch(/known by +nobody else connects from its address\n/);
  const sites = await rig.punnet('sites');
  expect(sites.match(/1 alone/g)).toHaveLength(2);
});

test('that address is in the address book alone: in no other file, metric or line of the log, and shown to no researcher', async () => {
  const address = '198.18.0.2';
  const files = readdirSync(rig.data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  expect(files.some((file) => file.includes('/journal/'))).toBe(true);
  const found = files.filter((file) => readFileSync(file).includes(address));
  expect(found.filter((file) => !file.endsWith('/node-addresses.json'))).toEqual([]);

  const ready = rig.scheduler.lines.find((line) => line.includes('"msg":"ready"')) ?? '';
  const url = /"metrics":"([^"]+)"/.exec(ready)?.[1] ?? '';
  const ask = `fetch('${url}').then((answer) => answer.text()).then(console.log)`;
  const { out: metrics } = await rig.call(rig.network.core, ['node', '-e', ask]);
  expect(metrics).toContain('punnet_nodes');
  expect(metrics).not.toContain(address);
  expect(rig.scheduler.lines.filter((line) => line.includes(address))).toEqual([]);

  const ada = join(rig.folder, 'ada.context');
  await rig.punnet('token', 'create', '--researcher', 'ada', '--to', ada);
  const shown = await rig.punnet('--context', ada, 'node', 'one-1');
  expect(shown).toContain('one-1');
  expect(shown).not.toContain(address);
});

test('a revoked node is out within ten seconds, for good, and nobody else is', async () => {
  const [address, two] = [rig.addressOf('one-1'), tunnels.get('two-1')];
  const agent = rig.agent('one-1');
  await agent.said('"started"');
  const from = { server: rig.server.lines.length, two: two?.lines.length ?? 0 };
  const atMs = performance.now();
  await rig.punnet('node', 'revoke', 'one-1');
  await until('a node that is out', () =>
    Promise.resolve(reaches(rig.network.core, address, 9) === 'no' ? true : undefined),
  );
  const ms = performance.now() - atMs;
  process.stdout.write(`revoked: no way to it after ${Math.round(ms)} ms\n`);
  expect(ms).toBeLessThan(10_000);
  const again = await begin('one-1');
  expect(await rig.server.said('VERIFY ERROR', from.server)).toContain('certificate revoked');
  expect(again.tail(1_000)).not.toContain(up);
  expect(readdirSync(join(rig.data, 'overlay/main/ccd'))).toEqual([nodeId('two-1')]);
  expect(reaches(rig.network.core, rig.addressOf('two-1'), 9)).toBe('refused');
  expect(two?.lines.slice(from.two).join()).not.toContain('SIGUSR1');
  await agent.kill('SIGTERM');
});

function untilHealthy(name: string): Promise<string> {
  return until(`${name} healthy`, async () => {
    const nodes = JSON.parse(await rig.punnet('--output', 'json', 'nodes')) as NodeList;
    const node = nodes.nodes.find((each) => each.name === name);
    return node?.health === 'NODE_HEALTH_HEALTHY' ? node.health : undefined;
  });
}

interface NodeList {
  readonly nodes: readonly { readonly name: string; readonly health: string }[];
}

function nodeId(name: string): string {
  // Its agent wrote it.
  const text = readFileSync(join(rig.stateOf(name), 'identity.json'), 'utf8');
  return (JSON.parse(text) as { nodeId: string }).nodeId;
}

function natsPort(): number {
  // The scheduler wrote it.
  const ports = JSON.parse(readFileSync(join(rig.data, 'ports.json'), 'utf8')) as { nats: number };
  return ports.nats;
}

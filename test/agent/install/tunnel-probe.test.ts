// One packet tells whether an OpenVPN server is there: a real one answers it, and nothing else that was
// wrong with it.

import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAnswering, remotesOf } from '../../../agent/install/tunnel-probe.ts';
import { openPki } from '../../../scheduler/adapters/pki/pki.ts';
import { Program } from '../../integration/program.ts';

const hasOpenvpn = spawnSync('openvpn', ['--version']).error === undefined;
const folder = mkdtempSync(join(tmpdir(), 'punnet-probe-'));
const keyOf = (name: string): string => join(folder, name);
let server: Program | undefined;
let port = 0;

beforeAll(async () => {
  if (!hasOpenvpn) return;
  const pki = await openPki(join(folder, 'data'), []);
  writeFileSync(keyOf('ca.pem'), pki.caPem);
  for (const name of ['right.key', 'other.key']) {
    execFileSync('openvpn', ['--genkey', 'tls-crypt', keyOf(name)]);
  }
  port = await freeUdpPort();
  const words = `--dev null --ifconfig-noexec --proto udp4 --local 127.0.0.1 --port ${port} --tls-server --dh none --verb 3`;
  const files = ['--tls-crypt', keyOf('right.key'), '--ca', keyOf('ca.pem')];
  const own = ['--cert', pki.certificateFile, '--key', pki.keyFile];
  server = new Program('openvpn', [...words.split(' '), ...files, ...own], { by: ['openvpn'] });
  await server.said('UDPv4 link remote');
});
afterAll(async () => {
  await server?.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

function freeUdpPort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1', () => {
      const { port: found } = socket.address();
      socket.close(() => resolve(found));
    });
  });
}

test('a server answers who has its key, and nobody else', async (context) => {
  context.skip(!hasOpenvpn, 'openvpn is not here');
  const remote = { host: '127.0.0.1', port, isTcp: false };
  const key = (name: string): string => readFileSync(keyOf(name), 'latin1');
  const wrong = isAnswering({ ...remote }, key('other.key'));
  expect(await isAnswering(remote, key('right.key'))).toBe(true);
  expect(await wrong).toBe(false);
});

test('where nobody listens nothing answers', async () => {
  expect(await isAnswering({ host: '127.0.0.1', port: 1, isTcp: true }, '')).toBe(false);
});

test('the servers of a profile are found', () => {
  const profile =
    'client\n<connection>\nremote vpn.example 1194 udp4\n</connection>\n<connection>\nremote 2001:db8::1 443 tcp6-client\n</connection>\n';
  expect(remotesOf(profile)).toEqual([
    { host: 'vpn.example', port: 1194, isTcp: false },
    { host: '2001:db8::1', port: 443, isTcp: true },
  ]);
});

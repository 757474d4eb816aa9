// The tunnel's files on a node: a request that openssl and the scheduler read, a key that stays, and
// a profile that no answer can turn into something else.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  certificateRequest,
  makeTunnelKey,
} from '../../../agent/adapters/overlay/certificate-request.ts';
import { TunnelFolder, profileOf } from '../../../agent/adapters/overlay/tunnel-folder.ts';
import { AgentError } from '../../../agent/adapters/state/state-folder.ts';
import type { Tunnel, TunnelServer } from '../../../proto/gen/punnet/v1/agent.ts';
import { requestedKey } from '../../../scheduler/adapters/pki/certificate-request.ts';
import { runToEnd } from '../../run-to-end.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-tunnel-'));
afterAll(() => rmSync(folder, { recursive: true }));

const main: TunnelServer = {
  ...{ host: 'vpn.example.org', port: 1194, isTcp: false },
  ...{ address: 'fd00:0:0:1::10', serverAddress: 'fd00:0:0:1::1' },
};
const tunnel: Tunnel = {
  ...{ certificatePem: 'a certificate', tlsCryptKey: 'a key', serverName: 'punnet overlay' },
  ...{ coreAddress: 'fd00::1', servers: [main] },
};

test('openssl and the scheduler read the request, and find it signed', async () => {
  const file = join(folder, 'request.der');
  const key = join(folder, 'key.pem');
  for (let count = 0; count < 5; count += 1) {
    const keyPem = makeTunnelKey();
    const request = certificateRequest(keyPem);
    writeFileSync(file, request);
    writeFileSync(key, keyPem);
    const words = [
      'req',
      '-in',
      file,
      '-inform',
      'DER',
      '-verify',
      '-noout',
      '-subject',
      '-pubkey',
    ];
    const { status, stdout, stderr } = runToEnd('openssl', words);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('verify OK');
    expect(stdout).toContain('CN = punnet node');
    expect(stdout).toContain(runToEnd('openssl', ['pkey', '-in', key, '-pubout']).stdout);
    await requestedKey(request);
  }
});

test('the key is made once, for its owner only; what is given again changes nothing', () => {
  const path = join(folder, 'overlay');
  const files = new TunnelFolder(path);
  const key = files.key();
  expect(new TunnelFolder(path).key()).toBe(key);
  expect(files.certificate()).toBeNull();
  files.write(tunnel, 'a CA');
  const written = readdirSync(path).map((name) => [name, statSync(join(path, name))] as const);
  expect(written.map(([name]) => name).sort()).toEqual([
    ...['ca.crt', 'client.conf', 'key.pem', 'node.crt', 'tls-crypt.key'],
  ]);
  for (const [, { mode }] of written) expect(mode & 0o777).toBe(0o600);
  files.write({ ...tunnel, certificatePem: 'a newer one' }, 'a CA');
  expect(files.certificate()).toBe('a newer one');
  for (const [name, { mtimeMs, ino }] of written) {
    const now = statSync(join(path, name));
    expect([name, now.ino === ino && now.mtimeMs === mtimeMs]).toEqual([name, name !== 'node.crt']);
  }
  expect(files.key()).toBe(key);
});

test.each([
  ['fd00:0:0:1::10', 'fd00::1', true],
  ['fd00:0:1::1', 'fd00::1', false],
  // A federation may have a /48 that the whole Internet knows.
  ['2001:db8:7:ffff::1', '2001:db8:7::1', true],
  ['2001:db8:8::1', '2001:db8:7::1', false],
  ['192.0.2.1', '2001:db8:7::1', false],
  ['berries.example', '2001:db8:7::1', false],
])('whether %s is in the overlay whose core is %s: %s', (host, coreAddress, expected) => {
  const path = mkdtempSync(join(folder, 'inside-'));
  const files = new TunnelFolder(path);
  expect(files.isInOverlay(host)).toBe(false);
  files.write({ ...tunnel, coreAddress }, 'a CA');
  expect(files.isInOverlay(host)).toBe(expected);
});

describe('the profile', () => {
  test('tries the servers in their order, and takes nothing else from one than its address', () => {
    const tcp = { ...main, port: 443, isTcp: true, address: 'fd00:0:0:2::10' };
    const text = profileOf({ ...tunnel, servers: [main, tcp] }, '/a "folder"');
    expect(text.match(/^remote .*$/gm)).toEqual([
      'remote vpn.example.org 1194 udp4',
      'remote vpn.example.org 443 tcp4-client',
    ]);
    expect(text).toContain(String.raw`key "/a \"folder\"/key.pem"`);
    const filters = text.match(/^pull-filter .*$/gm) ?? [];
    expect(filters.at(-1)).toBe('pull-filter ignore ""');
    const words = /redirect|dhcp|dns|route|block|script|up|plugin|setenv/;
    for (const filter of filters.slice(2)) expect(filter).not.toMatch(words);
    expect(text).toContain('route-ipv6 fd00::1/128\n');
    expect(text).toContain('script-security 0\n');
  });

  test.each([
    ['a host', { servers: [{ ...main, host: 'a b' }] }],
    ['a second line', { servers: [{ ...main, host: 'vpn\nup /bin/sh' }] }],
    ['a port', { servers: [{ ...main, port: 0 }] }],
    ['an address', { servers: [{ ...main, address: 'fd00::1/48' }] }],
    ['a quoted address', { servers: [{ ...main, serverAddress: 'fd00::1"\nup "/bin/sh' }] }],
    ['no server', { servers: [] }],
    ['a core', { coreAddress: '0.0.0.0/0' }],
    ['a name', { serverName: 'x" name\nup "/bin/sh' }],
  ])('is not written for a strange answer: %s', (_what, changes) => {
    const path = mkdtempSync(join(folder, 'strange-'));
    const write = (): void => new TunnelFolder(path).write({ ...tunnel, ...changes }, 'a CA');
    expect(write).toThrow(AgentError);
    expect(write).toThrow(/has a tunnel with .*, which this agent can't use: ask the operator/);
    expect(readdirSync(path)).toEqual([]);
  });
});

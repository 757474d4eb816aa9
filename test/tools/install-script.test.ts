// deploy/install.sh: what it refuses before it changes anything, with the words; that a download that
// was cut runs nothing; that it says what `punnet-agent install` says.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { estimate } from '../../agent/install/estimate.ts';
import { leastDiskBytes, leastMemoryBytes, packagesBytes } from '../../agent/install/plan.ts';
import { installLine } from '../../scheduler/cli/install-line.ts';
import { openPki } from '../../scheduler/adapters/pki/pki.ts';
import type { Ran } from '../integration/rig.ts';
import { root } from '../integration/rig.ts';
import { run } from './debs.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-install-script-'));
const source = readFileSync(join(root, 'deploy/install.sh'), 'utf8');
const script = join(folder, 'install.sh');
const token = join(folder, 'token');
const called = join(folder, 'called');
const deb = Buffer.from('no package at all');
let server: Server;
let url = '';
let fingerprint = '';

beforeAll(async () => {
  const pki = await openPki(join(folder, 'data'), []);
  fingerprint = pki.caFingerprint.slice(0, 32);
  const files: Readonly<Record<string, string | Buffer>> = {
    '/ca.pem': pki.caPem,
    '/agent.deb': deb,
    '/install.sh': source,
  };
  const cert = `${pki.certificatePem}\n${pki.caPem}`;
  server = createServer({ key: pki.keyPem, cert }, (request, response) => {
    const file = files[request.url ?? ''];
    if (file === undefined) response.statusCode = 404;
    response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const sha256 = createHash('sha256').update(deb).digest('hex');
  writeFileSync(script, source.replace('@SHA256@', sha256));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Programs that stand before the machine's own; those that change it only say that they were called. */
const changing = ['apt-get', 'punnet-agent'].map((name) => [name, `echo ${name} "$@" >>${called}`]);

function install(
  stubs: Readonly<Record<string, string>> = {},
  { words = [url, '--token-file', token], file = script } = {},
): Promise<Ran> {
  const bin = mkdtempSync(join(folder, 'bin-'));
  mkdirSync(bin, { recursive: true });
  for (const [name = '', body] of [...changing, ...Object.entries(stubs)]) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = { ...process.env, PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` };
  return new Promise((resolve) => {
    execFile('sh', [file, ...words], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
  });
}

const asRoot = { id: 'echo 0' };
const secret = '0'.repeat(32);

describe('what it refuses', () => {
  test.each<[string, Readonly<Record<string, string>>, string, RegExp]>([
    ['another user', { id: 'echo 1000' }, '', /wanted root, found another user/],
    ['another board', { ...asRoot, uname: 'echo Linux riscv64' }, '', /found Linux riscv64/],
    ['too little memory', { ...asRoot, awk: 'echo 149' }, '', /wanted 150 MB of memory, found 149/],
    ['a token that is none', asRoot, 'pnt_0', /copy all of it/],
    ['another federation', asRoot, `pnt_${secret}_${secret}`, /certificate of another/],
    [
      'a clock years off',
      { ...asRoot, date: 'case "$*" in *-d*) exec /bin/date "$@";; *) echo 1000000000;; esac' },
      'right',
      /wanted a clock that is right to the day/,
    ],
  ])('%s', async (_what, stubs, text, reason) => {
    writeFileSync(token, text === 'right' ? `pnt_${secret}_${fingerprint}` : text);
    const ran = await install(stubs);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toMatch(reason);
    expect(ran.err).toContain('Nothing was changed.');
    expect(existsSync(called)).toBe(false);
  });

  test.each([
    [
      'too old',
      'case "$*" in *split*) exit 1;; --version) echo v16.20.2;; esac',
      /newer, found v16/,
    ],
    ['of another CPU', 'kill -ILL $$', /dies with SIGILL: install the one of Raspberry Pi OS/],
    ['that does not run', 'exit 127', /wanted a Node.js that runs, found that .* ends with 127/],
  ])('a Node.js %s', async (_what, body, reason) => {
    const node = join(folder, 'node');
    writeFileSync(node, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    const file = join(folder, 'with-node.sh');
    writeFileSync(file, readFileSync(script, 'utf8').replaceAll('/usr/bin/node', node));
    const ran = await install(asRoot, { words: [url, '--token-file', token], file });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toMatch(reason);
    expect(existsSync(called)).toBe(false);
  });

  test('nobody at the address, no token, no word that it knows', async () => {
    writeFileSync(token, `pnt_${secret}_${fingerprint}`);
    const words = ['https://localhost:1', '--token-file', token];
    expect((await install(asRoot, { words })).err).toMatch(/wanted an answer of https:.*connect/);
    const none = await install(asRoot, { words: [url, '--token-file', join(folder, 'none')] });
    expect(none.err).toMatch(/can not be read/);
    for (const wrong of [[], [url], [url, '--token-file'], ['--frobnicate']]) {
      expect(await install(asRoot, { words: wrong })).toMatchObject({ code: 2, out: '' });
    }
    expect(existsSync(called)).toBe(false);
  });

  test('a package that is another than it was served with', async () => {
    writeFileSync(token, `pnt_${secret}_${fingerprint}`);
    const other = join(folder, 'other.sh');
    writeFileSync(other, source.replace('@SHA256@', '0'.repeat(64)));
    const ran = await install(asRoot, { words: [url, '--token-file', token], file: other });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('is not what was wanted');
    expect(existsSync(called)).toBe(false);
  });
});

describe('somebody in between, who shows the right CA with one of his own behind it', () => {
  let other: Server;
  let address = '';

  beforeAll(async () => {
    const [right, own] = [
      await openPki(join(folder, 'data'), []),
      await openPki(join(folder, 'foreign'), []),
    ];
    const cert = `${own.certificatePem}\n${own.caPem}`;
    other = createServer({ key: own.keyPem, cert }, (request, response) => {
      const evil = `#!/bin/sh\necho evil >>${called}\n`;
      response.end(request.url === '/ca.pem' ? `${right.caPem}\n!\n${own.caPem}` : evil);
    });
    await new Promise<void>((resolve) => other.listen(0, 'localhost', resolve));
    address = `https://localhost:${(other.address() as AddressInfo).port}`;
    writeFileSync(token, `pnt_${secret}_${fingerprint}`);
  });
  afterAll(() => other.close());

  test('gets nothing run by the script', async () => {
    const ran = await install(asRoot, { words: [address, '--token-file', token] });
    expect(ran.err).toMatch(/certificate of another/);
    expect(existsSync(called)).toBe(false);
  });

  test('nor by the line that is pasted, which runs what the federation serves', async () => {
    const line = join(folder, 'line.sh');
    const sudo = { sudo: `echo "$@" >>${called}` };
    writeFileSync(line, installLine(address, `pnt_${secret}_${fingerprint}`));
    expect((await install(sudo, { words: [], file: line })).err).toMatch(/certificate/);
    expect(existsSync(called)).toBe(false);
    writeFileSync(line, installLine(url, `pnt_${secret}_${fingerprint}`));
    expect(await install(sudo, { words: [], file: line })).toMatchObject({ code: 0 });
    expect(readFileSync(called, 'utf8')).toBe(`sh install.sh ${url} --token-file token\n`);
    rmSync(called);
  });
});

test('it says what it will do and what that costs, and stops there when asked to', async () => {
  writeFileSync(token, `pnt_${secret}_${fingerprint}`);
  const stubs = { ...asRoot, 'dpkg-deb': 'echo 1.0', 'dpkg-query': 'exit 1' };
  const ran = await install(stubs, { words: [url, '--token-file', token, '--dry-run'] });
  expect(ran).toMatchObject({ code: 0, err: '' });
  expect(ran.out).toContain('1. install punnet-agent 1.0');
  expect(existsSync(called)).toBe(false);

  expect(await install(stubs)).toMatchObject({ code: 0, err: '' });
  const calls = readFileSync(called, 'utf8').trim().split('\n');
  expect(calls).toEqual([
    'apt-get update -qq',
    expect.stringMatching(/^apt-get install .*--no-install-recommends \/tmp\/.*punnet-agent.deb$/),
    `punnet-agent install ${url} --token-file ${token}`,
  ]);
  rmSync(called);
  // The token was used up.
  expect(existsSync(token)).toBe(false);
});

test('a download that was cut runs nothing', async () => {
  const whole = readFileSync(script, 'latin1');
  const end = whole.lastIndexOf('main "$@"');
  const cut = join(folder, 'cut.sh');
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: end + 3 }), async (length) => {
      writeFileSync(cut, whole.slice(0, length), 'latin1');
      expect((await install(asRoot, { words: [url, '--token-file', token], file: cut })).out).toBe(
        '',
      );
      expect(existsSync(called)).toBe(false);
    }),
    { numRuns: 25 },
  );
});

test('it says what `punnet-agent install` says', async () => {
  const functions = source.slice(0, source.lastIndexOf('main "$@"'));
  for (const model of [
    ...['Zero 2 W', 'Zero W', '2 Model B', '3 Model B Plus', '3 Model B', '4 Model B', '5 Model B'],
  ].map((each) => `Raspberry Pi ${each} Rev 1.1`)) {
    const said = await run('sh', ['-c', `${functions}\nestimate "${model}"`]);
    expect(said.out).toBe(`${estimate(model).join('\n')}\n`);
  }
  const number = (name: string): number =>
    1e6 * Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(source)?.[1]);
  expect(number('least_memory_mb')).toBe(leastMemoryBytes);
  expect(number('least_disk_mb')).toBe(leastDiskBytes);
  expect(number('packages_mb')).toBe(packagesBytes);
});

test('shellcheck has nothing to say', async (context) => {
  const { code } = await run('shellcheck', ['--version']);
  context.skip(code !== 0, 'shellcheck is not here: apt-get install shellcheck');
  expect(await run('shellcheck', [script])).toEqual({ code: 0, out: '', err: '' });
});

// Enrolment with the real agent: each refusal says what to do, changes nothing, and does not keep
// the same folder from enrolling later. The token goes to its own federation only.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect as dial, createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { TokenRole } from '../../proto/gen/punnet/v1/token_service.ts';
import { openPki } from '../../scheduler/adapters/pki/pki.ts';
import type { Ran } from './rig.ts';
import { Rig, root } from './rig.ts';
import { enrolLight } from './light-node.ts';
import { runToEnd } from '../run-to-end.ts';

let rig: Rig;
let url: string;
let caPem: string;
let state: string;

beforeAll(async () => {
  rig = await Rig.start();
  state = join(rig.folder, 'pi');
  ({ url, caPem } = await rig.nodeToken());
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

function enrol(address: string, token: string): Promise<Ran> {
  return rig.call('punnet-agent.cjs', 'enrol', address, token, '--state', state, '--name', 'pi');
}

async function token(
  changes: { role?: TokenRole; name?: string; expiresIn?: string } = {},
): Promise<string> {
  const { tokens } = rig.connection;
  const plain = { role: TokenRole.NODE, name: '', siteId: '', expiresIn: '', uses: 0 };
  const created = await rig.connection.call(tokens.createToken.bind(tokens), {
    ...plain,
    ...changes,
  });
  return created.secret;
}

async function usedUp(): Promise<string> {
  const secret = await token();
  await enrolLight({ url, caPem, token: secret, name: 'first' });
  return secret;
}

async function revoked(): Promise<string> {
  const { tokens } = rig.connection;
  const secret = await token({ name: '' });
  const { tokens: all } = await rig.connection.call(tokens.listTokens.bind(tokens), {
    ...{ pageSize: 1_000, pageToken: '' },
  });
  const newest = all.reduce((a, b) => (b.createdUnixMs >= a.createdUnixMs ? b : a));
  const { tokenId } = newest;
  await rig.connection.call(tokens.revokeToken.bind(tokens), { tokenId });
  return secret;
}

async function forged(): Promise<string> {
  return (await token()).replace(/^pnt_[0-9a-f]{32}/, `pnt_${'5'.repeat(32)}`);
}

const refusals: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
  ['expired', () => token({ expiresIn: '1 ms' }), /refused: This token expired .* ago: ask the/],
  ['used up', usedUp, /refused: This token has been used up: ask the operator for a new one/],
  ['revoked', revoked, /refused: This token was revoked: ask the operator for a new one/],
  ['forged', forged, /refused: This federation did not issue this token: copy all of it, or ask/],
  [
    "a researcher's",
    () => token({ role: TokenRole.RESEARCHER, name: 'ada' }),
    /refused: This token is for people \(researcher\), wanted one for a node: ask the operator/,
  ],
  [
    "an operator's",
    () => token({ role: TokenRole.OPERATOR, name: 'eve' }),
    /refused: This token is for people \(operator\), wanted one for a node: ask the operator/,
  ],
  [
    'no token',
    () => Promise.resolve('pnt_123'),
    /This is not a token: wanted pnt_, 32 digits, _, 32 digits\. Copy all of it/,
  ],
];

test.each(refusals)('a token that is %s is refused in plain words', async (_, make, words) => {
  const nodesBefore = (await rig.listNodes()).length;
  const secret = await make();
  const nodes = (await rig.listNodes()).length;
  expect(nodes - nodesBefore).toBe(_ === 'used up' ? 1 : 0);
  const { code, out, err } = await enrol(url, secret);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(words);
  expect(err.trim().split('\n')).toHaveLength(1);
  expect((await rig.listNodes()).length).toBe(nodes);
  expect(existsSync(join(state, 'identity.json'))).toBe(false);
});

/** A TLS server that shows these certificates; returns its address and what it was told. */
async function listen(key: string, cert: string) {
  const told: Buffer[] = [];
  const server = createServer({ key, cert }, (socket) => {
    socket.on('data', (bytes: Buffer) => told.push(bytes));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  // A server that listens on TCP has an address with a port.
  return { told, address: `https://localhost:${(server.address() as AddressInfo).port}` };
}

test('another federation at that address is refused before the token is sent', async () => {
  const other = join(rig.folder, 'other');
  mkdirSync(other);
  const pki = await openPki(other, []);
  const { told, address } = await listen(pki.keyPem, `${pki.certificatePem}\n${pki.caPem}`);
  const { code, err } = await enrol(address, await token());
  expect(code).toBe(2);
  expect(err).toMatch(/is not the federation that this token is for .*Check the address/);
  expect(told).toEqual([]);
  expect(existsSync(join(state, 'identity.json'))).toBe(false);
});

test("a thief who shows the right CA's certificate gets no token either", async () => {
  const thief = join(rig.folder, 'thief');
  mkdirSync(thief);
  const pki = await openPki(thief, []);
  // Its own certificate names the same issuer; the true CA's certificate comes beside it.
  const { told, address } = await listen(pki.keyPem, `${pki.certificatePem}\n${caPem}`);
  const { code, err } = await enrol(address, await token());
  expect(code).toBe(2);
  expect(err).toMatch(/is not the federation that this token is for .*a proxy that opens TLS/);
  expect(told).toEqual([]);
});

test('an address that the certificate does not name is refused, with the way out', async () => {
  const way = createTcpServer((socket) => {
    const onward = dial(Number(new URL(url).port), '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.2', resolve));
  onTestFinished(() => void way.close());
  // A server that listens on TCP has an address with a port.
  const { port } = way.address() as AddressInfo;
  const { code, err } = await enrol(`https://127.0.0.2:${port}`, await token());
  expect(code).toBe(2);
  expect(err).toMatch(/127\.0\.0\.2.* other names .*use the address as the operator sent it/);
});

test.each([
  ['https://localhost:1', /localhost:1 can't be reached \(.*ECONNREFUSED.*check the address/],
  ['http://localhost:1', /http:\/\/localhost:1 is no address to enrol at: wanted https:/],
])('the address %s is refused in plain words', async (address, words) => {
  const { code, err } = await enrol(address, await token());
  expect(code).toBe(2);
  expect(err).toMatch(words);
});

test('after all that the same folder enrols, and a repeated enrolment changes nothing', async () => {
  const nodes = (await rig.listNodes()).length;
  const secret = await token();
  const enrolled = await enrol(url, secret);
  expect(enrolled).toMatchObject({ code: 0, err: '' });
  const again = await enrol(url, secret);
  expect(again).toMatchObject({ code: 0, err: '' });
  expect(again.out).toMatch(/is enrolled already, as n\w+ of punnet\. Nothing has changed/);
  expect((await rig.listNodes()).length).toBe(nodes + 1);
});

test('a node whose answer was lost gets the same identity, and uses its token once', async () => {
  const request = { url, caPem, token: await token(), name: 'lost' };
  const first = await enrolLight(request);
  const again = await enrolLight({ ...request, keys: first.keys });
  expect(again.response.nodeId).toBe(first.response.nodeId);
  await expect(enrolLight(request)).rejects.toThrow(/used up/);
});

test('an address that takes seconds to answer is waited for, though its host has others', () => {
  // What Node.js gives each of them, as the agent leaves it.
  const told = join(rig.folder, 'told.cjs');
  const script = `process.on('exit', () => console.log(require('net').getDefaultAutoSelectFamilyAttemptTimeout()))`;
  writeFileSync(told, script);
  const words = ['--require', told, join(root, 'dist/punnet-agent.cjs'), '--version'];
  const { stdout } = runToEnd(process.execPath, words);
  expect(Number(stdout.trim().split('\n').at(-1))).toBeGreaterThanOrEqual(5_000);
});

test('a token in a file, or on stdin, is not among the words of the command', async () => {
  const other = join(rig.folder, 'by-file');
  const words = ['enrol', url, '--state', other, '--name', 'by-file', '--token-file'];
  const missing = await rig.call('punnet-agent.cjs', ...words, join(rig.folder, 'none'));
  expect(missing).toMatchObject({ code: 2 });
  expect(missing.err).toMatch(/--token-file: wanted a file with a token, .*none cannot be read/);
  const file = join(rig.folder, 'token');
  writeFileSync(file, `${await token()}\n`, { mode: 0o600 });
  expect(await rig.call('punnet-agent.cjs', ...words, file)).toMatchObject({ code: 0 });
  const again = runToEnd(
    process.execPath,
    [join(root, 'dist/punnet-agent.cjs'), ...words.with(3, `${other}-2`), '-'],
    { input: await token() },
  );
  expect(again.stdout).toContain('Enrolled as');
});

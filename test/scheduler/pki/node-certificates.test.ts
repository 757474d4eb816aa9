// Certificates of nodes, held against openssl: who makes a request, what is taken of it, what a
// revocation list says, and what is left when the machine dies.

import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataFolderError } from '../../../scheduler/adapters/durable-file.ts';
import type { Authority } from '../../../scheduler/adapters/pki/authority.ts';
import { openAuthority } from '../../../scheduler/adapters/pki/authority.ts';
import {
  CertificateRequestError,
  requestedKey,
} from '../../../scheduler/adapters/pki/certificate-request.ts';
import { credentialDays } from '../../../scheduler/adapters/pki/credential-days.ts';
import { NodeCertificates } from '../../../scheduler/adapters/pki/node-certificates.ts';
import { propertyRuns } from '../../property-runs.ts';
import { runToEnd } from '../../run-to-end.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-pki-'));
afterAll(() => rmSync(folder, { recursive: true }));

const dayMs = 24 * 3600 * 1000;
let authority: Authority;
let certificates: NodeCertificates;
beforeAll(async () => {
  authority = await openAuthority(folder);
  writeFileSync(join(folder, 'ca.crt'), authority.certificate.toString('pem'));
  certificates = NodeCertificates.open(folder, authority);
});

/** Runs openssl, which must succeed; returns what it said. */
function openssl(...words: readonly string[]): string {
  const { status, stdout, stderr } = runToEnd('openssl', words, { cwd: folder });
  if (status !== 0) throw new Error(`openssl ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** A request (DER) for a new key of this kind. */
function request(...key: readonly string[]): Buffer {
  const kind = key.length > 0 ? key : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const subject = ['-subj', '/O=anything/CN=somebody else'];
  const out = ['-outform', 'DER', '-out', 'csr.der', '-nodes', '-keyout', 'key.pem'];
  openssl('req', '-new', '-newkey', ...kind, ...subject, ...out);
  return readFileSync(join(folder, 'csr.der'));
}

async function issueTo(nodeId: string): Promise<string> {
  const file = `${nodeId}.crt`;
  writeFileSync(join(folder, file), await certificates.issue(nodeId, request()));
  return file;
}

async function writeList(nowMs = Date.now()): Promise<void> {
  writeFileSync(join(folder, 'crl.pem'), await certificates.revocationList(nowMs));
}

/** What openssl says of a certificate beside the revocation list, so many days from now. */
function verdict(file: string, days = 0): string {
  const when = Math.floor((Date.now() + days * dayMs) / 1000);
  const words = ['-crl_check', '-CRLfile', 'crl.pem', '-purpose', 'sslclient', '-x509_strict'];
  const all = ['verify', '-CAfile', 'ca.crt', ...words, '-attime', String(when), file];
  const { stdout, stderr } = runToEnd('openssl', all, { cwd: folder });
  return stdout + stderr;
}

test('a request gives a certificate of that key; its name and its use are ours', async () => {
  const file = await issueTo('n1');
  const certificate = openssl('x509', '-in', file, '-noout', '-subject', '-purpose', '-pubkey');
  expect(certificate).toContain('subject=CN = n1\n');
  expect(certificate).toContain('SSL client : Yes');
  expect(certificate).toContain('SSL server : No');
  expect(certificate).toContain(openssl('pkey', '-in', 'key.pem', '-pubout'));
});

test.each([
  ['no bytes', () => Buffer.alloc(0), 'none'],
  ['other bytes', () => Buffer.from('hello'), '5 other bytes'],
  ['a long text', () => Buffer.alloc(1025), '1025 bytes'],
  ['an RSA key', () => request('rsa:2048'), 'a key of RSA'],
  ['a larger curve', () => request('ec', '-pkeyopt', 'ec_paramgen_curve:P-384'), 'a key of P-384'],
  ["somebody else's key", forged, 'a signature of another key'],
])('%s is refused', async (_what, make, found) => {
  const issuing = certificates.issue('n2', make());
  await expect(issuing).rejects.toThrow(CertificateRequestError);
  await expect(issuing).rejects.toThrow(
    new RegExp(`wanted a certificate request .* found ${found}`),
  );
});

/** Somebody who has seen a public key asks for a certificate of it. */
function forged(): Buffer {
  const mine = request();
  const key = openssl('pkey', '-in', 'key.pem', '-pubout', '-outform', 'DER').length;
  expect(key).toBeGreaterThan(0);
  const point = Buffer.from('03420004', 'hex');
  const other = request();
  mine.copy(other, other.indexOf(point), mine.indexOf(point), mine.indexOf(point) + 68);
  return other;
}

test('no bytes but a request that its own key signed give a certificate', async () => {
  const whole = request();
  const key = Buffer.from((await requestedKey(whole)).rawData);
  const other = fc.oneof(
    fc.uint8Array({ maxLength: 1_200 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
      const bent = Buffer.from(whole);
      bent[at] = (bent[at] ?? 0) ^ by;
      return bent;
    }),
    fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
  );
  await fc.assert(
    fc.asyncProperty(other, async (bytes) => {
      const found = await requestedKey(bytes).catch((error: unknown) => error);
      // Some bytes tell nothing, as the name of an empty set does; then the key is the one that signed.
      if (found instanceof CertificateRequestError) return;
      expect(found).not.toBeInstanceOf(Error);
      expect(Buffer.from((found as { rawData: ArrayBuffer }).rawData)).toEqual(key);
    }),
    { numRuns: propertyRuns(200) },
  );
});

test('a revoked node is out with all its certificates, and nobody else', async () => {
  const [first, again, other] = [await issueTo('n3'), await issueTo('n3b'), await issueTo('n4')];
  writeFileSync(join(folder, again), await certificates.issue('n3', request()));
  await writeList();
  for (const file of [first, again, other]) expect(verdict(file)).toContain(': OK');
  certificates.revoke(['n3'], Date.now());
  await writeList();
  for (const file of [first, again]) expect(verdict(file)).toContain('certificate revoked');
  expect(verdict(other)).toContain(': OK');
});

test('a list is good for 180 days, and an expired certificate is not on it', async () => {
  const file = await issueTo('n5');
  await writeList();
  expect(verdict(file, 179)).toContain(': OK');
  expect(verdict(file, 181)).toContain('CRL has expired');
  certificates.revoke(['n5'], Date.now());
  await writeList(Date.now() + 731 * dayMs);
  const list = openssl('crl', '-in', 'crl.pem', '-noout', '-text');
  expect(list).toContain('No Revoked Certificates');
});

test('what was issued and revoked is known after a restart, and a torn end is cut off', async () => {
  const data = mkdtempSync(join(folder, 'data-'));
  const own = await openAuthority(data);
  const before = NodeCertificates.open(data, own);
  await before.issue('n1', request());
  await before.issue('n2', request());
  before.revoke(['n1'], Date.now());
  const file = join(data, 'pki/issued.log');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const whole = readFileSync(file, 'utf8');
  appendFileSync(file, '{"kind":"issued","nodeId":"n3","ser');
  const after = NodeCertificates.open(data, own);
  expect(readFileSync(file, 'utf8')).toBe(whole);
  expect([after.isRevoked('n1'), after.isRevoked('n2')]).toEqual([true, false]);
  writeFileSync(join(folder, 'crl.pem'), await after.revocationList(Date.now()));
  const list = openssl('crl', '-in', 'crl.pem', '-noout', '-text');
  expect(list.match(/Serial Number/g)).toHaveLength(1);
});

test('a damaged line is named, and nothing is changed', async () => {
  const data = mkdtempSync(join(folder, 'data-'));
  const own = await openAuthority(data);
  await NodeCertificates.open(data, own).issue('n1', request());
  const file = join(data, 'pki/issued.log');
  const text = readFileSync(file, 'utf8');
  for (const damaged of [`${text}{}\n`, `x${text}`, `${text}\n`]) {
    writeFileSync(file, damaged);
    expect(() => NodeCertificates.open(data, own)).toThrow(DataFolderError);
    expect(() => NodeCertificates.open(data, own)).toThrow(/issued\.log, line \d, is damaged/);
    expect(readFileSync(file, 'utf8')).toBe(damaged);
  }
});

/** What the log says that was issued to n1, each so many days ago. */
function logOf(...daysAgo: readonly number[]): string {
  const lines = daysAgo.map((days, place) => {
    const expiresUnixMs = Date.now() + (credentialDays - days) * dayMs;
    const serial = place.toString(16).padStart(32, '0');
    return JSON.stringify({ kind: 'issued', nodeId: 'n1', serial, expiresUnixMs });
  });
  return lines.map((each) => `${each}\n`).join('');
}

test('a node has at most a hundred certificates in thirty days, hears what to do, and goes on then', async () => {
  const data = mkdtempSync(join(folder, 'data-'));
  const own = await openAuthority(data);
  // Those of before do not count, however many there were.
  const before = Array.from({ length: 1_000 }, () => 31);
  const young = Array.from({ length: 99 }, () => 29.9);
  writeFileSync(join(data, 'pki/issued.log'), logOf(...before, ...young));
  const full = NodeCertificates.open(data, own);
  await full.issue('n1', request());
  await expect(full.issue('n1', request())).rejects.toThrow(
    /node n1 has had 100 certificates in 30 days, the most it may: wait, or ask the operator/,
  );
  await full.issue('n2', request());
  await full.issue('n1', request(), Date.now() + dayMs);
});

test('certificates that have ended leave the log, at a start and while it runs; revocations stay', async () => {
  const data = mkdtempSync(join(folder, 'data-'));
  const own = await openAuthority(data);
  const file = join(data, 'pki/issued.log');
  // One ended long before the newest was issued, one within the day that clocks may be behind.
  writeFileSync(file, logOf(credentialDays + 7, credentialDays + 1.5, 1));
  const kept = NodeCertificates.open(data, own);
  kept.revoke(['n1'], Date.now());
  const serials = (): readonly string[] =>
    readFileSync(file, 'utf8').match(/(?<="serial":"0*)[1-9]?(?=")/g) ?? [];
  expect(serials()).toEqual(['1', '2']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await kept.issue('n2', request());
  await kept.revocationList(Date.now());
  expect(serials()).toEqual(['2']);
  expect(NodeCertificates.open(data, own).isRevoked('n1')).toBe(true);
});

test('a clock that is years ahead at a start costs no revocation', async () => {
  const data = mkdtempSync(join(folder, 'data-'));
  const own = await openAuthority(data);
  const before = NodeCertificates.open(data, own);
  await before.issue('n1', request());
  before.revoke(['n1'], Date.now());
  const wrong = Date.now() + 3_650 * dayMs;
  await NodeCertificates.open(data, own, wrong).revocationList(wrong);
  writeFileSync(
    join(folder, 'crl.pem'),
    await NodeCertificates.open(data, own).revocationList(Date.now()),
  );
  const list = openssl('crl', '-in', 'crl.pem', '-noout', '-text');
  expect(list.match(/Serial Number/g)).toHaveLength(1);
});

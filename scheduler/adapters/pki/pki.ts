// The federation's own certificate authority (P-256), made at first start in `<data>/pki` (0600),
// and the server's certificate. Enrolment tokens pin the CA by its fingerprint.

import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3600 * 1000;

export interface Pki {
  readonly caPem: string;
  /** SHA-256 of the CA certificate's DER, 64 hexadecimal digits. */
  readonly caFingerprint: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Reads the CA or makes it, and makes a new server certificate for this start. */
export async function openPki(dataFolder: string, extraNames: readonly string[]): Promise<Pki> {
  const folder = path.join(dataFolder, 'pki');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ca = await openCa(folder);
  const names = new Set(['localhost', hostname(), '127.0.0.1', '::1', ...extraNames]);
  const { certificatePem, keyPem } = await issue(ca, [...names]);
  const certificateFile = path.join(folder, 'server.crt');
  const keyFile = path.join(folder, 'server.key');
  writeDurably(keyFile, keyPem);
  writeDurably(certificateFile, certificatePem);
  const caFingerprint = createHash('sha256')
    .update(new Uint8Array(ca.certificate.rawData))
    .digest('hex');
  const caPem = ca.certificate.toString('pem');
  return { caPem, caFingerprint, certificateFile, keyFile, certificatePem, keyPem };
}

/** A certificate of the federation's CA for a server on another machine. */
export async function issueFor(dataFolder: string, host: string): Promise<ServerPair> {
  const folder = path.join(dataFolder, 'pki');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return issue(await openCa(folder), [host]);
}

interface ServerPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

async function issue(
  ca: Awaited<ReturnType<typeof openCa>>,
  names: readonly string[],
): Promise<ServerPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=punnet scheduler',
    issuer: ca.certificate.subject,
    ...validFor(825),
    publicKey: keys.publicKey,
    signingKey: ca.key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.BasicConstraintsExtension(false, undefined, true),
    ],
  });
  return { certificatePem: certificate.toString('pem'), keyPem: await keyToPem(keys.privateKey) };
}

async function openCa(folder: string) {
  const file = path.join(folder, 'ca.pem');
  const text = readIfThere(file);
  if (text !== null) return readCa(file, text);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=punnet CA',
    ...validFor(20 * 365),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  // Key and certificate are one file, so that a crash never leaves one without the other.
  writeDurably(file, `${await keyToPem(keys.privateKey)}\n${certificate.toString('pem')}\n`);
  return { certificate, key: keys.privateKey };
}

async function readCa(file: string, text: string) {
  try {
    const [key, certificate] = x509.PemConverter.decode(text);
    if (key === undefined || certificate === undefined) throw new Error('one of them is missing');
    return {
      certificate: new x509.X509Certificate(certificate),
      key: await webcrypto.subtle.importKey('pkcs8', key, algorithm, true, ['sign']),
    };
  } catch {
    throw new DataFolderError(
      `${file} is damaged (wanted a key and a certificate): restore it from a backup; without it every node and context must be made again`,
    );
  }
}

function validFor(days: number) {
  // A Pi without a clock of its own may be a little behind.
  return { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + days * dayMs) };
}

async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

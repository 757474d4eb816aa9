// The federation's own certificate authority (P-256), made at first start in `<data>/pki/ca.pem`
// (0600), and the certificates that it signs. Names, validity and use are always ours.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';

export const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3600 * 1000;

export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

/** Reads the CA of a data folder, or makes it there. Throws a DataFolderError when it is damaged. */
export async function openAuthority(dataFolder: string): Promise<Authority> {
  const folder = path.join(dataFolder, 'pki');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'ca.pem');
  const text = readIfThere(file);
  if (text !== null) return readAuthority(file, text);
  const keys = await newKeys();
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
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  // Key and certificate are one file, so that a crash never leaves one without the other.
  writeDurably(file, `${await keyToPem(keys.privateKey)}\n${certificate.toString('pem')}\n`);
  return { certificate, key: keys.privateKey };
}

async function readAuthority(file: string, text: string): Promise<Authority> {
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

interface Wanted {
  readonly commonName: string;
  readonly publicKey: x509.PublicKeyType;
  readonly use: 'server' | 'client';
  readonly days: number;
  /** Host names and addresses. */
  readonly names?: readonly string[];
  /** Hexadecimal; a random one by default. */
  readonly serialNumber?: string;
}

/** Signs a certificate. */
export async function sign(authority: Authority, wanted: Wanted): Promise<x509.X509Certificate> {
  const { commonName, publicKey, use, days, names = [], serialNumber } = wanted;
  const purpose = use === 'server' ? 'serverAuth' : 'clientAuth';
  const alternatives = names.map(
    (value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const,
  );
  return x509.X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: authority.certificate.subject,
    ...validFor(days),
    ...(serialNumber === undefined ? {} : { serialNumber }),
    publicKey,
    signingKey: authority.key,
    signingAlgorithm: algorithm,
    extensions: [
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
      // OpenVPN's remote-cert-tls wants both.
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[purpose]]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      // Python 3.13 takes no certificate without these two.
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
}

export interface ServerPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** A new key, and its certificate for a server of these names. */
export async function newServerPair(
  authority: Authority,
  wanted: Pick<Wanted, 'commonName' | 'names' | 'days'>,
): Promise<ServerPair> {
  const keys = await newKeys();
  const { publicKey, privateKey } = keys;
  const certificate = await sign(authority, { ...wanted, publicKey, use: 'server' });
  return { certificatePem: certificate.toString('pem'), keyPem: await keyToPem(privateKey) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function validFor(days: number) {
  // A Pi without a clock of its own may be a little behind.
  return { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + days * dayMs) };
}

async function keyToPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

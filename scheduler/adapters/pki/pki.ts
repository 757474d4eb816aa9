// What TLS needs at each start: the CA, and a new certificate of the scheduler's own. Enrolment
// tokens pin the CA by its fingerprint.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';
import { writeDurably } from '../durable-file.ts';
import type { Authority, ServerPair } from './authority.ts';
import { newServerPair, openAuthority } from './authority.ts';

/** Browsers and libraries take no longer one. */
const serverDays = 825;

export interface Pki {
  readonly authority: Authority;
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
  const authority = await openAuthority(dataFolder);
  const names = new Set(['localhost', hostname(), '127.0.0.1', '::1', ...extraNames]);
  const { certificatePem, keyPem } = await issue(authority, [...names]);
  const certificateFile = path.join(dataFolder, 'pki/server.crt');
  const keyFile = path.join(dataFolder, 'pki/server.key');
  writeDurably(keyFile, keyPem);
  writeDurably(certificateFile, certificatePem);
  const der = new Uint8Array(authority.certificate.rawData);
  const caFingerprint = createHash('sha256').update(der).digest('hex');
  const caPem = authority.certificate.toString('pem');
  return { authority, caPem, caFingerprint, certificateFile, keyFile, certificatePem, keyPem };
}

/** A certificate of the federation's CA for a server on another machine. */
export async function issueFor(dataFolder: string, host: string): Promise<ServerPair> {
  return issue(await openAuthority(dataFolder), [host]);
}

function issue(authority: Authority, names: readonly string[]): Promise<ServerPair> {
  return newServerPair(authority, { commonName: 'punnet scheduler', names, days: serverDays });
}

// Certificates of nodes for their tunnels, and the list of those that were revoked. Each one is a
// line of `<data>/pki/issued.log` before it leaves: a revocation must know them all.

import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import { z } from 'zod';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';
import type { Authority } from './authority.ts';
import { algorithm, sign } from './authority.ts';
import { credentialDays } from './credential-days.ts';
import { CertificateRequestError, requestedKey } from './certificate-request.ts';

const dayMs = 24 * 3600 * 1000;
/** A node that its bus refuses asks some five times on the first day, then daily; one that asks for more
 * has lost its way, and each is on disk until it has ended. */
const certificatesOfNode = 100;
const windowDays = 30;
/** Clocks of OpenVPN servers on other machines may be so far behind. */
const goneAfterMs = dayMs;
/** An expired list locks everybody out: this is how long its scheduler may be away. */
const listDays = 180;

const line = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('issued'),
    nodeId: z.string(),
    serial: z.string().regex(/^[0-9a-f]{32}$/),
    expiresUnixMs: z.number(),
  }),
  z.object({ kind: z.literal('revoked'), nodeId: z.string(), unixMs: z.number() }),
]);
type Line = z.infer<typeof line>;
type Issued = Extract<Line, { kind: 'issued' }>;

export class NodeCertificates {
  readonly #file: string;
  readonly #authority: Authority;
  /** Node → its certificates, the oldest first. */
  readonly #issued = new Map<string, Issued[]>();
  /** Node → when. */
  readonly #revoked = new Map<string, number>();

  private constructor(file: string, authority: Authority) {
    this.#file = file;
    this.#authority = authority;
  }

  /**
   * Reads what was issued from a data folder. A last line that was never finished is cut off: its
   * certificate did not leave. Throws a DataFolderError for any other damage.
   */
  static open(dataFolder: string, authority: Authority, nowUnixMs = Date.now()): NodeCertificates {
    const file = path.join(dataFolder, 'pki/issued.log');
    const certificates = new NodeCertificates(file, authority);
    const text = readIfThere(file) ?? '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    for (const [index, each] of whole.split('\n').slice(0, -1).entries()) {
      certificates.#take(parse(each, `${file}, line ${index + 1},`));
    }
    if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole));
    certificates.#forgetEnded(nowUnixMs);
    return certificates;
  }

  /**
   * A certificate (PEM) for the key of a node's request; its name is the node's id. Throws a
   * CertificateRequestError for a bad request.
   */
  async issue(nodeId: string, request: Uint8Array, nowUnixMs = Date.now()): Promise<string> {
    const publicKey = await requestedKey(request);
    // All of them live equally long.
    const windowMs = nowUnixMs + (credentialDays - windowDays) * dayMs;
    const young = (this.#issued.get(nodeId) ?? []).filter((one) => one.expiresUnixMs > windowMs);
    if (young.length >= certificatesOfNode) {
      throw new CertificateRequestError(
        `node ${nodeId} has had ${young.length} certificates in ${windowDays} days, the most it may: wait, or ask the operator to revoke it, then enrol it again`,
      );
    }
    const serial = newSerial();
    const certificate = await sign(this.#authority, {
      ...{ commonName: nodeId, publicKey, use: 'client', days: credentialDays },
      serialNumber: serial,
    });
    const expiresUnixMs = certificate.notAfter.getTime();
    this.#append([{ kind: 'issued', nodeId, serial, expiresUnixMs }]);
    return certificate.toString('pem');
  }

  /** Remembers on disk that all certificates of these nodes, past and future ones, are void. */
  revoke(nodeIds: readonly string[], nowUnixMs: number): void {
    const fresh = nodeIds.filter((nodeId) => !this.isRevoked(nodeId));
    this.#append(fresh.map((nodeId) => ({ kind: 'revoked', nodeId, unixMs: nowUnixMs })));
  }

  isRevoked(nodeId: string): boolean {
    return this.#revoked.has(nodeId);
  }

  /** The list of revoked certificates (PEM), good for 180 days. */
  async revocationList(nowUnixMs: number): Promise<string> {
    this.#forgetEnded(nowUnixMs);
    const entries = [...this.#revoked].flatMap(([nodeId, revokedMs]) => {
      const issued = this.#issued.get(nodeId) ?? [];
      const valid = issued.filter(({ expiresUnixMs }) => expiresUnixMs >= nowUnixMs);
      const revocationDate = new Date(revokedMs);
      return valid.map(({ serial }) => ({ serialNumber: serial, revocationDate }));
    });
    const list = await x509.X509CrlGenerator.create({
      issuer: this.#authority.certificate.subject,
      // An OpenVPN server on another machine may be a little behind.
      thisUpdate: new Date(nowUnixMs - dayMs),
      nextUpdate: new Date(nowUnixMs + listDays * dayMs),
      entries,
      signingKey: this.#authority.key,
      signingAlgorithm: algorithm,
    });
    // Its own name for the PEM, "CRL", is one that OpenSSL does not know.
    return `${x509.PemConverter.encode(list.rawData, 'X509 CRL')}\n`;
  }

  /**
   * Certificates that have ended are of no use to anybody. The log is written anew when it has some. A clock
   * that is years ahead at a start must not cost the others, which a revocation needs: none is forgotten
   * that was still good when the newest was issued.
   */
  #forgetEnded(nowUnixMs: number): void {
    let newestUnixMs = 0;
    for (const own of this.#issued.values()) {
      for (const { expiresUnixMs } of own) newestUnixMs = Math.max(newestUnixMs, expiresUnixMs);
    }
    const issuedUnixMs = newestUnixMs - credentialDays * dayMs;
    const goneUnixMs = Math.min(nowUnixMs, issuedUnixMs) - goneAfterMs;
    let isChanged = false;
    for (const [nodeId, own] of this.#issued) {
      const kept = own.filter(({ expiresUnixMs }) => expiresUnixMs >= goneUnixMs);
      if (kept.length === own.length) continue;
      isChanged = true;
      if (kept.length === 0) this.#issued.delete(nodeId);
      else this.#issued.set(nodeId, kept);
    }
    if (!isChanged) return;
    const revoked = [...this.#revoked].map(([nodeId, unixMs]): Line => {
      return { kind: 'revoked', nodeId, unixMs };
    });
    writeDurably(this.#file, textOf([...[...this.#issued.values()].flat(), ...revoked]));
  }

  #append(lines: readonly Line[]): void {
    if (lines.length === 0) return;
    const handle = openSync(this.#file, 'a', 0o600);
    const { size } = fstatSync(handle);
    try {
      writeSync(handle, textOf(lines));
      fdatasyncSync(handle);
    } catch (error) {
      // The disk is full, perhaps: half a line must not stay for the next one to follow.
      ftruncateSync(handle, size);
      throw error;
    } finally {
      closeSync(handle);
    }
    for (const each of lines) this.#take(each);
  }

  #take(each: Line): void {
    if (each.kind === 'revoked') {
      this.#revoked.set(each.nodeId, each.unixMs);
      return;
    }
    const own = this.#issued.get(each.nodeId);
    if (own === undefined) this.#issued.set(each.nodeId, [each]);
    else own.push(each);
  }
}

function textOf(lines: readonly Line[]): string {
  return lines.map((each) => `${JSON.stringify(each)}\n`).join('');
}

/** 16 bytes, positive, and the same length always. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 + ((bytes[0] ?? 0) % 0x40);
  return bytes.toString('hex');
}

function parse(text: string, where: string): Line {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    throw new DataFolderError(
      `${where} is damaged: restore it from a backup; without it nobody knows which certificates a revoked node has`,
    );
  }
}

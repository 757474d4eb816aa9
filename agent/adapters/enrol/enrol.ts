// Enrolment: a token, the federation's CA pinned by it, keys made here, one POST.

import { X509Certificate, createHash, randomUUID } from 'node:crypto';
import { request } from 'node:https';
import { connect } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { createUser } from '@nats-io/nkeys';
import type { Inventory } from '../../../proto/gen/punnet/v1/node.ts';
import { EnrolRequest, EnrolResponse } from '../../../proto/gen/punnet/v1/agent.ts';
import type { StateFolder } from '../state/state-folder.ts';
import { AgentError } from '../state/state-folder.ts';

const timeoutMs = 30_000;
const maxAnswerBytes = 64 * 1024;

/** The CA's fingerprint in a token: `pnt_<32 hex digits>_<32 hex digits>`. */
export function fingerprintOf(token: string): string {
  const match = /^pnt_[0-9a-f]{32}_([0-9a-f]{32})$/.exec(token);
  if (match?.[1] === undefined) {
    throw new AgentError(
      'This is not a token: wanted pnt_, 32 digits, _, 32 digits. Copy all of it, as the operator sent it.',
    );
  }
  return match[1];
}

/** Whether a CA certificate (DER) is the one that the token names. */
export function isPinned(certificateDer: Buffer, fingerprint: string): boolean {
  const found = createHash('sha256').update(certificateDer).digest('hex');
  return found.startsWith(fingerprint);
}

/** Enrols this node; a repeated call after a lost answer gets the same identity. */
export async function enrol(options: {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly state: StateFolder;
  readonly inventory: () => Promise<Inventory>;
}): Promise<string> {
  const { state } = options;
  const known = state.readIdentity();
  if (known !== null) {
    return `This node is enrolled already, as ${known.nodeId} of ${known.federation}. Nothing has changed.`;
  }
  const url = parseUrl(options.url);
  const caPem = await fetchCa(url, fingerprintOf(options.token));
  const keys = state.readKeys() ?? makeKeys();
  state.writeKeys(keys);
  const { fromSeed } = await import('@nats-io/nkeys');
  const natsPublicKey = fromSeed(new TextEncoder().encode(keys.natsSeed)).getPublicKey();
  const body = EnrolRequest.encode({
    token: options.token,
    natsPublicKey,
    inventory: await options.inventory(),
    name: options.name,
    requestId: keys.requestId,
  }).finish();
  const answer = EnrolResponse.decode(await post(url, caPem, Buffer.from(body)));
  const { nodeId, federation, siteId, natsJwt, natsUrls, httpsUrl } = answer;
  state.writeIdentity({ nodeId, federation, siteId, natsJwt, natsUrls, httpsUrl, caPem });
  return `Enrolled as ${nodeId} of ${federation}, at site ${siteId}. Start it: punnet-agent run --state ${state.path}`;
}

function makeKeys(): { readonly natsSeed: string; readonly requestId: string } {
  const natsSeed = new TextDecoder().decode(createUser().getSeed());
  return { natsSeed, requestId: randomUUID() };
}

function parseUrl(text: string): URL {
  try {
    const url = new URL(text);
    if (url.protocol === 'https:') return url;
  } catch {
    // Told below.
  }
  throw new AgentError(`${text} is no address to enrol at: wanted https://HOST:PORT.`);
}

/** The CA that the server shows, if it is the token's; the leaf must be signed by it. */
function fetchCa(url: URL, fingerprint: string): Promise<string> {
  const port = Number(url.port === '' ? 443 : url.port);
  return new Promise((resolve, reject) => {
    // Not verified here: the token says which CA is right, and nothing else is trusted.
    const options = { host: url.hostname, port, rejectUnauthorized: false };
    const socket = connect(options, () => {
      const chain = chainOf(socket.getPeerCertificate(true));
      socket.destroy();
      const ca = chain.find((certificate) => isPinned(certificate.raw, fingerprint));
      if (ca === undefined) return reject(notThisFederation(url));
      resolve(new X509Certificate(ca.raw).toString());
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
    socket.once('error', (error) => reject(unreachable(url, error)));
  });
}

/** A server's certificate and those above it, as it showed them. */
export function chainOf(leaf: PeerCertificate & { issuerCertificate?: PeerCertificate }) {
  const chain: PeerCertificate[] = [];
  let next: typeof leaf | undefined = leaf;
  while (next?.raw !== undefined && !chain.includes(next) && chain.length < 8) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function unreachable(url: URL, error: Error): AgentError {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text = `${url.host} shows a certificate for other names (${error.message}): use the address as the operator sent it, or have the scheduler started with --name ${url.hostname}.`;
    return new AgentError(text, { cause: error });
  }
  if (/CERT|SIGNATURE|SELF_SIGNED/.test(code)) return notThisFederation(url, error);
  return new AgentError(
    `${url.host} can't be reached (${error.message}): check the address and this node's network.`,
    { cause: error },
  );
}

function notThisFederation(url: URL, cause?: Error): AgentError {
  const text = `${url.host} is not the federation that this token is for (its certificate is of another CA). Check the address; a proxy that opens TLS does this too.`;
  return new AgentError(text, { cause });
}

function post(url: URL, ca: string, body: Buffer): Promise<Buffer> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const target = new URL('/v1/enrol', url);
    const asked = request(target, { method: 'POST', ca, headers, timeout: timeoutMs }, (answer) => {
      const parts: Buffer[] = [];
      let size = 0;
      answer.on('data', (part: Buffer) => {
        size += part.length;
        if (size > maxAnswerBytes) asked.destroy(new Error('the answer is too long'));
        else parts.push(part);
      });
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        if (answer.statusCode === 200) resolve(bytes);
        else reject(new AgentError(reasonOf(bytes, answer.statusCode ?? 0)));
      });
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', (error) => reject(unreachable(url, error)));
    asked.end(body);
  });
}

function reasonOf(bytes: Buffer, status: number): string {
  try {
    const { reason } = JSON.parse(bytes.toString()) as { reason?: unknown };
    if (typeof reason === 'string') return `The federation refused: ${reason}`;
  } catch {
    // Told below.
  }
  return `The federation refused with HTTP status ${status} and no reason.`;
}

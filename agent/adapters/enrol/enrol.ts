// Enrolment: a token, the federation's CA pinned by it, keys made here, one POST.

import { X509Certificate, createHash, randomUUID } from 'node:crypto';
import { connect } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { createUser } from '@nats-io/nkeys';
import type { Inventory } from '../../../proto/gen/punnet/v1/node.ts';
import { EnrolRequest } from '../../../proto/gen/punnet/v1/agent.ts';
import { certificateRequest } from '../overlay/certificate-request.ts';
import { TunnelFolder } from '../overlay/tunnel-folder.ts';
import type { StateFolder } from '../state/state-folder.ts';
import { AgentError } from '../state/state-folder.ts';
import {
  askFederation,
  keep,
  notThisFederation,
  timeoutMs,
  unreachable,
} from './federation-call.ts';

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
  const tunnels = new TunnelFolder(state.file('overlay'));
  const body = EnrolRequest.encode({
    token: options.token,
    natsPublicKey,
    inventory: await options.inventory(),
    name: options.name,
    requestId: keys.requestId,
    certificateRequest: certificateRequest(tunnels.key()),
  }).finish();
  const target = new URL('/v1/enrol', url);
  const answer = await askFederation(target, caPem, Buffer.from(body));
  const { nodeId, federation, siteId } = keep({ state, tunnels, caPem }, answer);
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

// Asks whoever answers at a federation's address for its certificate and its clock. Trusts neither: what
// they mean is judged elsewhere.

import { request } from 'node:https';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { chainOf, isPinned } from '../adapters/enrol/enrol.ts';
import type { FederationReading } from './findings.ts';

const timeoutMs = 15_000;

/** @param fingerprint the first digits of the SHA-256 of the CA's certificate. */
export function askFederation(url: string, fingerprint: string): Promise<FederationReading> {
  return new Promise((resolve) => {
    const target = new URL('/healthz', url);
    const options = { method: 'HEAD', rejectUnauthorized: false, timeout: timeoutMs, agent: false };
    const asked = request(target, options, (answer) => {
      // An answer of an https request came over TLS.
      const leaf = (answer.socket as TLSSocket).getPeerCertificate(true);
      const said = Date.parse(answer.headers.date ?? '');
      const aheadMs = Number.isNaN(said) ? 0 : said - Date.now();
      resolve({ kind: 'answered', aheadMs, ...judge(leaf, fingerprint) });
      answer.destroy();
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer in ${timeoutMs / 1000} s`)));
    asked.once('error', (error) => resolve({ kind: 'silent', error: error.message }));
    asked.end();
  });
}

function judge(leaf: PeerCertificate, fingerprint: string) {
  const isRight = chainOf(leaf).some(({ raw }) => isPinned(raw, fingerprint));
  const { CN, O } = leaf.issuer ?? {};
  return { isPinned: isRight, issuer: String(CN ?? O ?? 'an unnamed CA') };
}

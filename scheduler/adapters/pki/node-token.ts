// Enrolment tokens: `pnt_<32 hex random>_<first 32 hex digits of the CA's fingerprint>`. What is
// hashed and stored is `pnt_<32 hex random>`: the fingerprint is public and no part of the secret.

import { createHash, randomBytes } from 'node:crypto';

/** A new token for the CA with this fingerprint (64 hexadecimal digits). */
export function makeToken(caFingerprint: string): string {
  return `pnt_${randomBytes(16).toString('hex')}_${caFingerprint.slice(0, 32)}`;
}

/** SHA-256, hexadecimal, of the secret part with its prefix. Any text has a hash. */
export function hashToken(token: string): string {
  const secret = /^(pnt_[0-9a-f]{32})_[0-9a-f]{32}$/.exec(token)?.[1] ?? token;
  return createHash('sha256').update(secret).digest('hex');
}

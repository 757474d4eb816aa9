// A key pair of nkeys that keeps what it has derived, and signs by node:crypto. nkeys derives the pair anew for each
// question and signs in JavaScript, some milliseconds each; one user's JWT asks five and signs once.

import { createPrivateKey, sign } from 'node:crypto';
import { fromSeed } from '@nats-io/nkeys';
import type { KeyPair } from '@nats-io/nkeys';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** What stands before 32 raw bytes of an Ed25519 key in PKCS #8 (RFC 8410). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Of a seed ("SU…", "SA…"). Throws nkeys' error for what is none. */
export function quickPair(seed: string): KeyPair {
  const pair = fromSeed(new TextEncoder().encode(seed));
  const publicKey = pair.getPublicKey();
  const privateKey = pair.getPrivateKey();
  const der = Buffer.concat([pkcs8Head, rawSeed(seed)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return Object.assign(pair, {
    getPublicKey: () => publicKey,
    getPrivateKey: () => privateKey,
    sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, key)),
  });
}

/** Base32 of two bytes of prefix, the 32 of the seed, and two of checksum. */
function rawSeed(seed: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of seed) {
    value = ((value << 5) | alphabet.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Buffer.from(bytes.slice(2, 34));
}

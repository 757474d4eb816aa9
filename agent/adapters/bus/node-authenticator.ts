// Answers the bus's challenge with node:crypto. nkeys' JavaScript takes 193 ms for it on a Pi 1, and
// has V8 load its optimizer for that: 7 MB that an idle agent then keeps.

import { createPrivateKey, sign } from 'node:crypto';
import type { Authenticator } from 'nats';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** What stands before 32 raw bytes of an Ed25519 key in PKCS #8. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** For a user's JWT, which may have been renewed since, and the seed ("SU…") of the key that it names. */
export function nodeAuthenticator(jwt: () => string, seed: string): Authenticator {
  const signed = signAs(seed);
  return (nonce = '') => ({
    ...{ jwt: jwt(), nkey: '' },
    sig: signed(Buffer.from(nonce)).toString('base64url'),
  });
}

/** What signs for the node whose nkey this seed is of. */
export function signAs(seed: string): (bytes: Buffer) => Buffer {
  const der = Buffer.concat([pkcs8Head, rawSeed(seed)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return (bytes) => sign(null, bytes, key);
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

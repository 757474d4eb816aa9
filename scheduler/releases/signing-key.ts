// Ed25519 keys that sign metadata of releases, as PEM files that only their owner reads. Offline ones
// may be behind a passphrase.

import type { KeyObject } from 'node:crypto';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto';
import { Key, Signature } from '@tufjs/models';

/** A key can't be read; its owner can mend that. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

export interface SigningKey {
  readonly key: Key;
  readonly sign: (bytes: Buffer) => Signature;
}

/** A new key: PKCS #8 in PEM, encrypted (AES-256; PBKDF2 of 2,048 rounds, so a long one) if there is a passphrase. */
export function makeKeyPem(passphrase?: string): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const form = { type: 'pkcs8', format: 'pem' } as const;
  if (passphrase === undefined) return privateKey.export(form).toString();
  return privateKey.export({ ...form, cipher: 'aes-256-cbc', passphrase }).toString();
}

/** @param file what an error calls it. Throws SigningKeyError. */
export function readKeyPem(pem: string, file: string, passphrase?: string): SigningKey {
  let secret: KeyObject;
  try {
    secret = createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch (cause) {
    const isLocked = pem.includes('ENCRYPTED');
    const found = isLocked ? 'one behind another passphrase, or none was given' : 'something else';
    throw new SigningKeyError(`${file}: wanted an Ed25519 key in PEM, found ${found}`, { cause });
  }
  if (secret.asymmetricKeyType !== 'ed25519') {
    const found = String(secret.asymmetricKeyType);
    throw new SigningKeyError(`${file}: wanted an Ed25519 key, found ${found}`);
  }
  const key = publicKeyOf(secret);
  return {
    key,
    sign: (bytes) =>
      new Signature({ keyID: key.keyID, sig: sign(null, bytes, secret).toString('hex') }),
  };
}

/** As TUF writes it: its id is the SHA-256 of its canonical JSON. */
function publicKeyOf(secret: KeyObject): Key {
  const der = createPublicKey(secret).export({ type: 'spki', format: 'der' });
  // The key is the end of its DER, 32 bytes.
  const hex = der.subarray(-32).toString('hex');
  const text = `{"keytype":"ed25519","keyval":{"public":"${hex}"},"scheme":"ed25519"}`;
  const keyID = createHash('sha256').update(text).digest('hex');
  const [keyType, scheme] = ['ed25519', 'ed25519'];
  return new Key({ keyID, keyType, scheme, keyVal: { public: hex } });
}

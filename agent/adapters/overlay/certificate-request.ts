// A certificate request (PKCS #10) for the tunnel's key. It is 40 lines of DER by hand: the library
// that the scheduler reads it with is as large as half of the agent.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto';

/** A new P-256 key (PKCS #8, PEM). It never leaves the node. */
export function makeTunnelKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The request (DER), signed with the key. The federation takes the key alone and names the node itself. */
export function certificateRequest(keyPem: string): Buffer {
  const key = createPrivateKey(keyPem);
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const version = Buffer.from('020100', 'hex');
  const attributes = Buffer.from('a000', 'hex');
  const wanted = sequence(version, name('punnet node'), publicKey, attributes);
  const signature = sign('sha256', wanted, key);
  // A bit string says first how many bits of its last byte are unused.
  const bits = tagged(0x03, Buffer.concat([Buffer.of(0), signature]));
  return sequence(wanted, sequence(objectId(ecdsaWithSha256)), bits);
}

/** 64 hexadecimal digits. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** 1.2.840.10045.4.3.2 and 2.5.4.3, as DER has them. */
const ecdsaWithSha256 = '2a8648ce3d040302';
const commonName = '550403';

function name(text: string): Buffer {
  const attribute = sequence(objectId(commonName), tagged(0x0c, Buffer.from(text)));
  return sequence(tagged(0x31, attribute));
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** Tag, length, contents: none here is longer than 65,535 bytes. */
function tagged(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), contents]);
}

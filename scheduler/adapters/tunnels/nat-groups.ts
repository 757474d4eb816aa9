// Who is behind the same NAT, without saying where: a keyed hash of the address that a tunnel comes
// from. Whoever has the journal but not the key of the data folder can't try all addresses.

import { createHmac, randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';

const keyBytes = 32;
/** 64 bits: two of a million addresses share a hash once in 37 million federations. */
const hashLetters = 16;
/** Addresses whose hashes are kept: an HMAC for each of 10,000 clients would take 30 ms each time. */
const keptMost = 100_000;

export class NatGroups {
  readonly #key: Buffer;
  readonly #known = new Map<string, string>();

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** With the key of the data folder, which is made at the first start. Throws a DataFolderError when
   * it is damaged. */
  static open(dataFolder: string): NatGroups {
    const file = path.join(dataFolder, 'nat-group.key');
    const found = readIfThere(file);
    if (found !== null && !/^[0-9a-f]{64}\n$/.test(found)) {
      const remedy = 'restore it from a backup; without it no node is known to be where it was';
      throw new DataFolderError(`${file} is damaged (wanted 64 hexadecimal digits): ${remedy}`);
    }
    const text = found ?? `${randomBytes(keyBytes).toString('hex')}\n`;
    if (found === null) writeDurably(file, text);
    return new NatGroups(Buffer.from(text.trim(), 'hex'));
  }

  /** Of an IPv6 address its /64 counts: a home has one, and its nodes addresses of their own in it. */
  of(address: string): string {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const place = placeOf(address);
    const hash = createHmac('sha256', this.#key).update(place).digest('hex').slice(0, hashLetters);
    if (this.#known.size >= keptMost) this.#known.clear();
    // A copy: the address is a part of the text of a whole status.
    this.#known.set(Buffer.from(address).toString(), hash);
    return hash;
  }
}

/** A server that listens on IPv6 writes IPv4 as a part of it; an address of its own link has the link's name. */
function placeOf(address: string): string {
  const bare = address.replace(/%.*$/, '');
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (v4 !== undefined) return v4;
  return isIPv6(bare) ? networkOf(bare) : bare;
}

/** The first 64 bits, written one way. */
function networkOf(address: string): string {
  // Brackets of a URL give the form of RFC 5952, its groups without zeros in front.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4).join(':');
}

// A .torrent of one file whose bytes a web server has, too (BEP 3 and 19): for the peers that read one.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

const pieceBytes = 256 * 1024;

type Bencoded = number | string | Buffer | { readonly [key: string]: Bencoded };

/** Writes it into this file. Without a URL there is no web server in it. */
export function writeTorrent(path: string, torrent: string, url?: string): void {
  const bytes = readFileSync(path);
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    hashes.push(
      createHash('sha1')
        .update(bytes.subarray(at, at + pieceBytes))
        .digest(),
    );
  }
  const info = {
    length: bytes.length,
    name: basename(path),
    'piece length': pieceBytes,
    pieces: Buffer.concat(hashes),
  };
  writeFileSync(torrent, encode({ info, ...(url === undefined ? {} : { 'url-list': url }) }));
}

/** Keys must come in order. */
function encode(value: Bencoded): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return encode(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  const pairs = Object.entries(value).flatMap(([key, each]) => [encode(key), encode(each)]);
  return Buffer.concat([Buffer.from('d'), ...pairs, Buffer.from('e')]);
}

// The key that all tunnels of the federation share (OpenVPN's tls-crypt), in `<data>/pki`: whoever
// does not have it gets no answer at all from an OpenVPN server. It admits nobody by itself.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';

const shape =
  /^-----BEGIN OpenVPN Static key V1-----\n([0-9a-f]{32}\n){16}-----END OpenVPN Static key V1-----\n$/;

/** Reads the key, or makes it. Throws a DataFolderError when it is damaged. */
export function openTlsCryptKey(dataFolder: string): string {
  const folder = path.join(dataFolder, 'pki');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'tls-crypt.key');
  const found = readIfThere(file);
  if (found !== null) return check(file, found);
  const lines = randomBytes(256)
    .toString('hex')
    .replaceAll(/.{32}/g, (row) => `${row}\n`);
  const title = 'OpenVPN Static key V1-----\n';
  const text = `-----BEGIN ${title}${lines}-----END ${title}`;
  writeDurably(file, text);
  return text;
}

function check(file: string, text: string): string {
  if (shape.test(text)) return text;
  throw new DataFolderError(
    `${file} is damaged (wanted an OpenVPN static key): restore it from a backup; without it no tunnel comes up, and every node must enrol again`,
  );
}

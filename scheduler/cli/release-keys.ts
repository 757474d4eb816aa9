// The operator's offline keys: a folder of PEM files, each named by its role and the first digits of its
// id. The root key belongs on a stick in a drawer; what is done each time needs the one for lists only.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Key } from '@tufjs/models';
import { makeKeyPem, readKeyPem, type SigningKey } from '../releases/signing-key.ts';
import { badInput, codeOf } from './errors.ts';

export type OfflineRole = 'root' | 'targets';

export interface KeyFolder {
  readonly folder: string;
  readonly passphrase: string | undefined;
}

/** Makes a key of the role. Returns it and its file, mode 0600. */
export async function makeOfflineKey(
  { folder, passphrase }: KeyFolder,
  role: OfflineRole,
): Promise<{ readonly key: SigningKey; readonly file: string }> {
  const pem = makeKeyPem(passphrase);
  const key = readKeyPem(pem, role, passphrase);
  const file = path.join(folder, nameOf(role, key.key));
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, pem, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    throw badInput(`${file}: a key can't be kept there (${codeOf(cause)})`, cause);
  }
  return { key, file };
}

/** The keys of a role that are in the folder, out of those that the root names; one is enough. */
export function readOfflineKeys(
  { folder, passphrase }: KeyFolder,
  role: OfflineRole,
  trusted: readonly Key[],
): readonly SigningKey[] {
  const files = trusted.map((key) => path.join(folder, nameOf(role, key))).filter(existsSync);
  if (files.length === 0) {
    const names = trusted.map((key) => nameOf(role, key)).join(' or ');
    const found = existsSync(folder) ? readdirSync(folder).join(', ') || 'nothing' : 'no folder';
    throw badInput(
      `${folder}: wanted the key ${names}, found ${found}: name its folder with --keys DIR`,
    );
  }
  return files.map((file) => readKeyPem(readFileSync(file, 'utf8'), file, passphrase));
}

/** The file's first line; undefined: keys have no passphrase. */
export function readPassphrase(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    const [line = ''] = readFileSync(file, 'utf8').split('\n');
    if (line !== '') return line;
  } catch (cause) {
    throw badInput(`${file}: wanted a passphrase, and can't read it (${codeOf(cause)})`, cause);
  }
  throw badInput(`${file}: wanted a passphrase in its first line, found nothing`);
}

function nameOf(role: OfflineRole, { keyID }: Key): string {
  return `${role}-${keyID.slice(0, 12)}.key`;
}

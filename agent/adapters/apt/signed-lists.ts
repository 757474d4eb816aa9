// What apt's signed lists say of a `.deb`: its SHA-256 and size. They are read when somebody asks, into a few
// bytes a package, since a Pi has little memory, and forgotten when nobody has asked for a while.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface Deb {
  /** Hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** apt reads all that it compresses lists with. */
const aptHelper = '/usr/lib/apt/apt-helper';
const forgottenAfterMs = 30 * 60_000;
/** Debian's largest list has stanzas of a few kilobytes; what is longer is no list. */
const longestStanza = 1 << 20;

export class SignedLists {
  readonly #folder: string;
  readonly #lists = new Map<string, { readonly state: string; readonly list: Promise<List> }>();
  #timer: NodeJS.Timeout | undefined;

  /** @param folder /var/lib/apt/lists, or another root's. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What the lists say of this address; null: nothing, or different things. Lists of its own host come first: Debian
   * and Raspbian call different bytes by one name. A list that can't be read says nothing. */
  async find(address: URL): Promise<Deb | null> {
    const names = filenamesIn(address);
    const lists = await this.#current();
    for (const isOwn of [true, false]) {
      const found = new Map<string, Deb>();
      for (const [name, list] of lists) {
        if (name.startsWith(`${address.host}_`) !== isOwn) continue;
        for (const deb of names.flatMap((each) => list.find(each))) found.set(deb.sha256, deb);
      }
      if (found.size > 0) return found.size === 1 ? ([...found.values()][0] ?? null) : null;
    }
    return null;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#lists.clear();
  }

  async #current(): Promise<readonly (readonly [string, List])[]> {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lists.clear(), forgottenAfterMs).unref();
    const names = await readdir(this.#folder).catch(() => []);
    const wanted = names.filter((name) => /_Packages(\.\w+)?$/.test(name));
    for (const name of this.#lists.keys()) if (!wanted.includes(name)) this.#lists.delete(name);
    const read = wanted.map(async (name) => [name, await this.#read(name)] as const);
    return Promise.all(read);
  }

  /** Again when the file has changed, once for all who wait. */
  async #read(name: string): Promise<List> {
    const path = join(this.#folder, name);
    const file = await stat(path).catch(() => null);
    const state = `${file?.ino} ${file?.size} ${file?.mtimeMs}`;
    const known = this.#lists.get(name);
    if (known?.state === state) return known.list;
    const list = readList(path).catch(() => new List());
    this.#lists.set(name, { state, list });
    return list;
  }
}

/** 48 bytes for each package: Debian 12 has 64,000. */
class List {
  readonly #keys: bigint[] = [];
  readonly #hashes: Buffer[] = [];
  #sealed = { keys: new BigUint64Array(), hashes: Buffer.alloc(0), sizes: new Float64Array() };
  readonly #sizes: number[] = [];

  add(filename: string, sha256: string, sizeBytes: number): void {
    this.#keys.push(keyOf(filename));
    this.#hashes.push(Buffer.from(sha256, 'hex'));
    this.#sizes.push(sizeBytes);
  }

  /** All is in it: it becomes small. */
  seal(): this {
    this.#sealed = {
      keys: BigUint64Array.from(this.#keys),
      hashes: Buffer.concat(this.#hashes),
      sizes: Float64Array.from(this.#sizes),
    };
    for (const each of [this.#keys, this.#hashes, this.#sizes]) each.length = 0;
    return this;
  }

  find(filename: string): readonly Deb[] {
    const { keys, hashes, sizes } = this.#sealed;
    const at = keys.indexOf(keyOf(filename));
    if (at < 0) return [];
    const sha256 = hashes.subarray(32 * at, 32 * at + 32).toString('hex');
    return [{ sha256, sizeBytes: sizes[at] ?? 0 }];
  }
}

/** Eight bytes of a hash of the name: nobody but who signs the lists chooses names. */
function keyOf(filename: string): bigint {
  return createHash('sha256').update(filename, 'latin1').digest().readBigUInt64LE();
}

/** A list names what is below the start of its repository, which may be at any depth of its host. */
function filenamesIn(address: URL): readonly string[] {
  let path: string;
  try {
    path = Buffer.from(decodeURIComponent(address.pathname)).toString('latin1');
  } catch {
    return [];
  }
  const parts = path.split('/').filter((part) => part !== '');
  return parts.slice(0, 12).map((_, index) => parts.slice(index).join('/'));
}

async function readList(path: string): Promise<List> {
  const list = new List();
  let rest = '';
  for await (const part of textOf(path)) {
    const stanzas = `${rest}${String(part)}`.split('\n\n');
    rest = stanzas.pop() ?? '';
    if (rest.length > longestStanza) throw new Error(`${path} is no list of packages`);
    for (const stanza of stanzas) addStanza(list, stanza);
  }
  addStanza(list, rest);
  return list.seal();
}

function textOf(path: string): Readable {
  if (path.endsWith('_Packages')) return createReadStream(path, 'latin1');
  const child = spawn(aptHelper, ['cat-file', path], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.once('error', (error) => child.stdout.destroy(error));
  return child.stdout.setEncoding('latin1');
}

function addStanza(list: List, stanza: string): void {
  const filename = /^Filename: *(?:\.\/)?(\S+\.deb)\s*$/m.exec(stanza)?.[1];
  const sha256 = /^SHA256: *([0-9a-f]{64})\s*$/m.exec(stanza)?.[1];
  const sizeBytes = /^Size: *(\d{1,12})\s*$/m.exec(stanza)?.[1];
  if (filename === undefined || sha256 === undefined || sizeBytes === undefined) return;
  list.add(filename, sha256, Number(sizeBytes));
}

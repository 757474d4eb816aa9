// One list of packages, as apt keeps it on disk, and what is kept of it: 48 bytes for each package, of which Debian 12
// has 64,000. It is read through one buffer, without a text for each of its lines.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';

export interface Deb {
  /** Hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** apt reads all that it compresses lists with. */
const aptHelper = '/usr/lib/apt/apt-helper';
/** Debian's longest list takes a Pi 1 some ten seconds. One that never ends is no list. */
const unpackWithinMs = 60_000;
/** Debian's longest stanza has a few kilobytes; a file that has none in so many bytes is no list. */
const bufferBytes = 1 << 18;

export class PackageList {
  #count = 0;
  #keys = new Float64Array(64);
  #sizes = new Float64Array(64);
  #hashes = Buffer.alloc(64 * 32);

  add(key: number, sha256: string, sizeBytes: number): void {
    if (this.#count === this.#keys.length) this.#grow();
    this.#keys[this.#count] = key;
    this.#sizes[this.#count] = sizeBytes;
    this.#hashes.write(sha256, 32 * this.#count, 'hex');
    this.#count += 1;
  }

  /** null: the list has no such file. */
  find(filename: string): Deb | null {
    const bytes = Buffer.from(filename);
    const at = this.#keys.indexOf(keyOf(bytes));
    if (at < 0 || at >= this.#count) return null;
    const sha256 = this.#hashes.subarray(32 * at, 32 * at + 32).toString('hex');
    return { sha256, sizeBytes: this.#sizes[at] ?? 0 };
  }

  #grow(): void {
    const length = 2 * this.#keys.length;
    const [keys, sizes, hashes] = [this.#keys, this.#sizes, this.#hashes];
    this.#keys = new Float64Array(length);
    this.#sizes = new Float64Array(length);
    this.#hashes = Buffer.alloc(32 * length);
    this.#keys.set(keys);
    this.#sizes.set(sizes);
    this.#hashes.set(hashes);
  }
}

/** 53 bits of a name, never 0 (cyrb53 by bryc, public domain): whoever signs the list chooses its names, and apt
 * refuses what two of one key would lead to. */
function keyOf(name: Uint8Array): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const byte of name) {
    high = Math.imul(high ^ byte, 2_654_435_761);
    low = Math.imul(low ^ byte, 1_597_334_677);
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0) + 1;
}

/** Rejects when the file can't be read, or is no list. */
export async function readList(
  path: string,
  withinMs: number = unpackWithinMs,
): Promise<PackageList> {
  const reader = new StanzaReader();
  if (path.endsWith('_Packages')) await readPlain(path, reader);
  else await readCompressed(path, { reader, withinMs });
  return reader.end();
}

async function readPlain(path: string, reader: StanzaReader): Promise<void> {
  const file = await open(path);
  try {
    for (;;) {
      const space = reader.space();
      const { bytesRead } = await file.read(space, 0, space.length);
      if (bytesRead === 0) return;
      reader.filled(bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function readCompressed(
  path: string,
  { reader, withinMs }: { readonly reader: StanzaReader; readonly withinMs: number },
): Promise<void> {
  const child = spawn(aptHelper, ['cat-file', path], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: withinMs,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'exit');
  // Whoever reads hears of it.
  ended.catch((error: Error) => child.stdout.destroy(error));
  for await (const part of child.stdout) {
    let rest = part as Buffer;
    while (rest.length > 0) {
      const count = rest.copy(reader.space());
      reader.filled(count);
      rest = rest.subarray(count);
    }
  }
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`${path}: apt-helper wanted code 0, found ${code ?? 'its end'}`);
}

const blankLine = Buffer.from('\n\n');
const fields = {
  filename: Buffer.from('\nFilename: '),
  size: Buffer.from('\nSize: '),
  sha256: Buffer.from('\nSHA256: '),
};

/** A buffer that is filled at its end; whole stanzas go from its start into the list. */
class StanzaReader {
  readonly #list = new PackageList();
  readonly #buffer = Buffer.alloc(bufferBytes);
  /** The first line has a line's end before it, as all others. */
  #length = this.#buffer.write('\n');

  /** Where more may be written. Throws when one stanza fills all. */
  space(): Buffer {
    if (this.#length < bufferBytes) return this.#buffer.subarray(this.#length);
    throw new Error(`wanted a list of packages, found ${bufferBytes} bytes without an empty line`);
  }

  filled(count: number): void {
    this.#length += count;
    const bytes = this.#buffer.subarray(0, this.#length);
    let start = 0;
    for (;;) {
      // The blank line's second end is the one before the next stanza's first line.
      const end = bytes.indexOf(blankLine, start + 1);
      if (end < 0) break;
      this.#take(bytes.subarray(start, end + 1));
      start = end + 1;
    }
    this.#buffer.copyWithin(0, start, this.#length);
    this.#length -= start;
  }

  end(): PackageList {
    this.#take(this.#buffer.subarray(0, this.#length));
    return this.#list;
  }

  #take(stanza: Buffer): void {
    const name = valueOf(stanza, fields.filename);
    const sha256 = valueOf(stanza, fields.sha256)?.toString('latin1') ?? '';
    const size = valueOf(stanza, fields.size)?.toString('latin1') ?? '';
    if (name === null || !/^[0-9a-f]{64}$/.test(sha256) || !/^\d{1,12}$/.test(size)) return;
    const isDotted = name[0] === 0x2e && name[1] === 0x2f;
    this.#list.add(keyOf(isDotted ? name.subarray(2) : name), sha256, Number(size));
  }
}

/** Up to the line's end; null: the stanza has no such field. */
function valueOf(stanza: Buffer, field: Buffer): Buffer | null {
  const at = stanza.indexOf(field);
  if (at < 0) return null;
  const start = at + field.length;
  const end = stanza.indexOf(0x0a, start);
  return stanza.subarray(start, end < 0 ? stanza.length : end);
}

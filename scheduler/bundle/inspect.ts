// Reads a bundle (.tar or .tar.gz) as a stream and notes what its programs were built for. It keeps
// one program at a time in memory; what agents would refuse to unpack is refused here already.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type ExtractEvents } from 'tar-stream';
import { elfText, isArmElf, readElf, type Elf } from './elf.ts';

/** A program or a library of a bundle. */
export interface BundleProgram {
  readonly path: string;
  readonly elf: Elf;
}

/** What is wrong with a bundle, for people. */
export class BundleError extends Error {}

/** Enough for the header and the table of segments. */
const headBytes = 4_096;
/** A 32-bit Pi has 256 MB to 1 GB of memory. */
const armProgramBytes = 64_000_000;
const unpackedBytes = 16e9;
const entriesMax = 1_000_000;
/** The first of each kind is kept: a root file system has thousands of programs. */
const kindsKept = 64;

/** The programs and libraries of a bundle, one of each kind. Throws a BundleError. */
export async function inspectBundle(
  source: AsyncIterable<Buffer>,
): Promise<readonly BundleProgram[]> {
  const tar = extract();
  const fed = pipeline(Readable.from(unpacked(source)), tar);
  const kinds = new Map<string, BundleProgram>();
  const read = (async () => {
    let entries = 0;
    let leftBytes = unpackedBytes;
    for await (const entry of tar) {
      entries += 1;
      leftBytes -= entry.header.size ?? 0;
      if (entries > entriesMax) throw new BundleError(`it has over ${entriesMax} entries`);
      if (leftBytes < 0) throw new BundleError(`it unpacks to over ${unpackedBytes} bytes`);
      const elf = await elfOf(entry);
      const kind = JSON.stringify(elf);
      if (elf === null || kinds.has(kind) || kinds.size >= kindsKept) continue;
      kinds.set(kind, { path: entry.header.name.replace(/^\.\//, ''), elf });
    }
  })();
  const [fault] = (await Promise.allSettled([read, fed])).filter(
    (each) => each.status === 'rejected',
  );
  if (fault === undefined) return [...kinds.values()];
  throw asBundleError(fault.reason);
}

/** Errors of the disk have codes of their own, and are not the bundle's. */
function asBundleError(error: unknown): unknown {
  if (error instanceof BundleError || !(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (code !== '' && !/^(Z|ERR)_/.test(code)) return error;
  return new BundleError(`wanted a .tar or a .tar.gz, found other bytes (${error.message})`);
}

/** Without its compression, if it has any. */
async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const parts = source[Symbol.asyncIterator]();
  const first = await parts.next();
  if (first.done === true) return;
  const all = async function* (): AsyncGenerator<Buffer> {
    yield first.value;
    for await (const part of { [Symbol.asyncIterator]: () => parts }) yield part;
  };
  if (first.value.length < 2 || first.value.readUInt16BE(0) !== 0x1f8b) return yield* all();
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(all()), gunzip);
  // Its error is the reader's, too.
  fed.catch(() => undefined);
  // What a stream yields without an encoding.
  yield* gunzip as AsyncIterable<Buffer>;
  await fed;
}

/** Reads the entry to its end. */
async function elfOf(entry: ExtractEvents['entry'][1]): Promise<Elf | null> {
  const { name, mode, type } = entry.header;
  const isWanted = type === 'file' && ((mode & 0o111) !== 0 || /\.so(\.[\d.]+)?$/.test(name));
  const parts: Buffer[] = [];
  let size = 0;
  let head: Buffer | undefined;
  let wanted = isWanted ? headBytes : 0;
  for await (const part of entry as AsyncIterable<Buffer>) {
    if (size < wanted) parts.push(part);
    size += part.length;
    if (head !== undefined || size < headBytes || !isWanted) continue;
    head = Buffer.concat(parts);
    if (isArmElf(head)) wanted = armProgramBytes;
  }
  if (!isWanted) return null;
  const bytes = Buffer.concat(parts);
  const elf = readElf(bytes);
  if (elf !== null && elf.arm !== null && size > armProgramBytes) {
    const told = `${name}: wanted a program of at most ${armProgramBytes} bytes`;
    throw new BundleError(`${told}, found ${size} (${elfText(elf)}): strip it`);
  }
  return elf;
}

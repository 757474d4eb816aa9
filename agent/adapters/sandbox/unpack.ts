// Unpacks a bundle (.tar or .tar.gz) into a folder that attempts share read-only. Names and links
// that lead outside, devices and bombs are refused; the folder appears whole or not at all.

import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { chmod, link, lstat, mkdir, open, realpath, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, normalize, posix, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type ExtractEvents } from 'tar-stream';
import { isDiskFull } from '../state/disk-full.ts';
import { SandboxError } from './attempt-spec.ts';

type Entry = ExtractEvents['entry'][1];

/** Names and links are of a few kilobytes at most; the rest is what streams hold. */
const maxHeaderBytes = 1 << 20;

export interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/**
 * Unpacks `archivePath` to `targetPath` unless it exists (same hash, same content). One call at a
 * time for each target. Throws SandboxError `bad_bundle` with what was wrong, and what a full disk says; nothing is
 * left then.
 */
export async function unpackBundle(
  archivePath: string,
  targetPath: string,
  limits: UnpackLimits,
): Promise<void> {
  if (existsSync(targetPath)) return;
  const temporary = `${targetPath}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o755 });
  try {
    await unpackInto(archivePath, await realpath(temporary), limits);
    await chmod(temporary, 0o755);
    await rename(temporary, targetPath);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // The bundle may be right: it is tried again, here or elsewhere.
    if (error instanceof SandboxError || isDiskFull(error)) throw error;
    throw new SandboxError('bad_bundle', `bundle: could not be unpacked: ${String(error)}`, {
      cause: error,
    });
  }
}

async function unpackInto(archivePath: string, root: string, limits: UnpackLimits): Promise<void> {
  const tar = extract();
  const isPacked = await isGzip(archivePath);
  const source = createReadStream(archivePath);
  let fedBytes = 0;
  let allowedBytes = maxHeaderBytes;
  // The parser keeps a header whole in memory, however long it says that it is.
  const meter = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      fedBytes += chunk.length;
      if (fedBytes > allowedBytes) refuse('', `has a header of over ${maxHeaderBytes} bytes`);
      yield chunk;
    }
  };
  const fed = isPacked
    ? pipeline(source, createGunzip(), meter, tar)
    : pipeline(source, meter, tar);
  const drained = (async () => {
    let leftBytes = limits.maxBytes;
    let entryCount = 0;
    for await (const entry of tar) {
      entryCount += 1;
      if (entryCount > limits.maxEntries) refuse('', `has over ${limits.maxEntries} entries`);
      leftBytes -= entry.header.size ?? 0;
      if (leftBytes < 0) refuse('', `unpacks to over ${limits.maxBytes} bytes`);
      allowedBytes = fedBytes + (entry.header.size ?? 0) + maxHeaderBytes;
      await place(entry, root);
    }
  })();
  await Promise.all([drained, fed]);
}

async function place(entry: Entry, root: string): Promise<void> {
  const { header } = entry;
  const name = safeName(header.name);
  if (name === '.') return drain(entry);
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const parent = await realpath(dirname(path));
  if (parent !== root && !parent.startsWith(root + sep)) refuse(name, 'lies behind a link');
  const isExecutable = ((header.mode ?? 0) & 0o111) !== 0;
  switch (header.type) {
    case 'directory':
      await mkdir(path, { recursive: true, mode: 0o755 });
      return drain(entry);
    case 'file':
    case 'contiguous-file':
      await rm(path, { force: true });
      await pipeline(entry, createWriteStream(path, { flags: 'wx', mode: 0o644 }));
      return chmod(path, isExecutable ? 0o755 : 0o644);
    case 'symlink':
      // Read from where it really lies: a folder of its name may be a link.
      await symlink(
        safeLink(relative(root, join(parent, basename(path))), header.linkname ?? ''),
        path,
      );
      return drain(entry);
    case 'link':
      await placeHardLink(root, name, safeName(header.linkname ?? ''));
      return drain(entry);
    default:
      return refuse(name, `is a ${String(header.type)}; wanted files, folders and links`);
  }
}

async function placeHardLink(root: string, name: string, target: string): Promise<void> {
  const source = await realpath(join(root, target));
  if (!source.startsWith(root + sep)) refuse(name, 'is a hard link to outside');
  if (!(await lstat(source)).isFile()) refuse(name, 'is a hard link to something else than a file');
  await link(source, join(root, name));
}

/** A name inside the bundle, without `..`; throws otherwise. */
function safeName(name: string): string {
  if (name.startsWith('/')) refuse(name, 'is absolute');
  if (name.includes('\0') || name.split('/').includes('..')) refuse(name, 'leads outside');
  return normalize(name).replace(/\/$/, '') || '.';
}

/**
 * An absolute link leads into what the task sees as its root, in a root file system (`docker export`
 * is full of them) as in a bundle over the node's /usr; here nothing is ever read or written through
 * a link that leads out.
 */
function safeLink(name: string, target: string): string {
  const reached = posix.normalize(posix.join(posix.dirname(name), target));
  if (target.startsWith('/')) return target;
  if (reached === '..' || reached.startsWith('../')) {
    refuse(name, `is a link to '${target}' outside of the bundle`);
  }
  return target;
}

function drain(entry: Entry): Promise<void> {
  return new Promise((resolve, reject) => {
    entry.on('end', resolve).on('error', reject);
    entry.resume();
  });
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE(0) === 0x1f8b;
  } finally {
    await file.close();
  }
}

function refuse(name: string, why: string): never {
  throw new SandboxError('bad_bundle', `bundle: entry '${name}' ${why}; pack it anew`);
}

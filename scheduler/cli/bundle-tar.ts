// Packs a folder into a tar whose bytes depend on its content only: sorted, no times, no owners.
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack, type Header, type Pack } from 'tar-stream';
import { badInput } from './errors.ts';

/** Writes the tar of `folder` to the file `to`. */
export async function packFolder(folder: string, to: string): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(to, { mode: 0o600 }));
  const filled = fill(tar, folder).then(
    () => tar.finalize(),
    (error: unknown) => {
      tar.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  const [first] = (await Promise.allSettled([filled, written])).filter(isRejected);
  if (first !== undefined) throw first.reason;
}

async function fill(tar: Pack, folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true });
  for (const name of names.sort()) await addEntry(tar, folder, name);
}

async function addEntry(tar: Pack, folder: string, name: string): Promise<void> {
  const full = path.join(folder, name);
  const found = await lstat(full);
  const mode = (found.mode & 0o111) === 0 ? 0o644 : 0o755;
  const header = { name, mode, mtime: new Date(0), uid: 0, gid: 0 };
  if (found.isDirectory()) await addSmall(tar, { ...header, type: 'directory', mode: 0o755 });
  else if (found.isSymbolicLink()) {
    await addSmall(tar, { ...header, type: 'symlink', linkname: await readlink(full) });
  } else if (found.isFile()) {
    await pipeline(createReadStream(full), tar.entry({ ...header, size: found.size }));
  } else throw badInput(`${full}: a bundle holds files, folders and symlinks only`);
}

async function addSmall(tar: Pack, header: Partial<Header> & { name: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, '', (error) => (error ? reject(error) : resolve()));
  });
}

function isRejected(result: PromiseSettledResult<unknown>): result is PromiseRejectedResult {
  return result.status === 'rejected';
}

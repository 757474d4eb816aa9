// Makes a data folder of a backup, and believes nothing: every hash is checked, the journal is
// replayed, every blob that it names is looked for, and the counts must be those of the backup.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { restoredFacts } from '../../core/index.ts';
import { makeFolder } from '../durable-file.ts';
import { FileJournal } from '../journal/file-journal.ts';
import type { Manifest } from './backup.ts';
import { manifestName, manifestShape } from './backup.ts';
import { BackupError } from './backup-error.ts';
import type { Contents, Counts } from './contents.ts';
import { readContents } from './contents.ts';

export interface Restored {
  readonly expected: Counts;
  readonly contents: Contents;
}

/**
 * Restores into a new folder.
 *
 * @throws BackupError when anything is missing or damaged; the folder is not left behind then.
 */
export async function restore(file: string, dataFolder: string): Promise<Restored> {
  if (existsSync(dataFolder) && readdirSync(dataFolder).length > 0) {
    throw new BackupError(`${dataFolder} is not empty: wanted a new folder to restore into.`);
  }
  if (!existsSync(file)) {
    throw new BackupError(`there is no file ${file}: wanted what punnet-scheduler backup wrote.`);
  }
  try {
    const found = await unpack(file, dataFolder);
    const { counts: expected } = checkFiles(file, found);
    const journal = join(dataFolder, 'journal');
    const contents = await readContents(journal, dataFolder);
    checkContents(expected, contents);
    await appendRestored(journal, contents);
    // All files at once: a sync for each of a million blobs would take hours.
    execFileSync('sync', ['-f', dataFolder]);
    return { expected, contents };
  } catch (error) {
    rmSync(dataFolder, { recursive: true, force: true });
    throw error;
  }
}

interface Unpacked {
  readonly manifest: Manifest | undefined;
  readonly hashes: ReadonlyMap<string, string>;
}

async function unpack(file: string, dataFolder: string): Promise<Unpacked> {
  const hashes = new Map<string, string>();
  let manifest: Manifest | undefined;
  const tar = extract();
  const read = pipeline(createReadStream(file), tar);
  // It fails together with the loop below, which tells.
  read.catch(() => undefined);
  makeFolder(dataFolder);
  try {
    for await (const entry of tar) {
      const { name, size } = entry.header;
      if (name === manifestName) manifest = parseManifest(file, await buffer(entry));
      else hashes.set(name, await write(entry, { to: placeOf(dataFolder, name), size }));
    }
    await read;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(`${file} can't be read to its end (${String(error)}): it is damaged.`);
  }
  return { manifest, hashes };
}

function parseManifest(file: string, bytes: Buffer): Manifest {
  try {
    return manifestShape.parse(JSON.parse(bytes.toString()));
  } catch {
    throw new BackupError(
      `${file} is no backup that this scheduler can read: see ${manifestName}.`,
    );
  }
}

/** Inside the folder, whatever the tar says. */
function placeOf(dataFolder: string, name: string): string {
  const isInside = name === normalize(name) && !name.startsWith('/') && !name.startsWith('..');
  if (!isInside) throw new BackupError(`the backup has a file outside of its folder: ${name}`);
  return join(dataFolder, name);
}

async function write(
  entry: AsyncIterable<unknown>,
  { to, size }: { readonly to: string; readonly size: number },
): Promise<string> {
  const hash = createHash('sha256');
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  if (size < 1_000_000) {
    const bytes = await buffer(Readable.from(entry));
    writeFileSync(to, bytes, { mode: 0o600, flag: 'wx' });
    return hash.update(bytes).digest('hex');
  }
  const count = new Transform({
    transform(part: Buffer, _encoding, done) {
      hash.update(part);
      done(null, part);
    },
  });
  await pipeline(Readable.from(entry), count, createWriteStream(to, { mode: 0o600, flags: 'wx' }));
  return hash.digest('hex');
}

function checkFiles(file: string, { manifest, hashes }: Unpacked): Manifest {
  if (manifest === undefined) {
    throw new BackupError(`${file} has no ${manifestName}: the backup was never finished, or cut.`);
  }
  for (const [name, sha256] of Object.entries(manifest.files)) {
    const found = hashes.get(name);
    if (found === undefined) throw new BackupError(`${file} lacks ${name}.`);
    if (found !== sha256) {
      throw new BackupError(`${name} is damaged in ${file}: wanted ${sha256}, found ${found}.`);
    }
  }
  for (const [name, sha256] of hashes) {
    if (name in manifest.files || name.endsWith(`/${sha256}`)) continue;
    throw new BackupError(`${name} is damaged in ${file}: its bytes hash to ${sha256}.`);
  }
  return manifest;
}

function checkContents(expected: Counts, { counts, missing }: Contents): void {
  const [first] = missing;
  if (first !== undefined) {
    throw new BackupError(`${missing.length} blobs are missing in the backup, the first ${first}.`);
  }
  for (const [what, count] of Object.entries(expected)) {
    const found: unknown = Reflect.get(counts, what);
    if (found !== count) {
      throw new BackupError(`${what}: the backup was made of ${count}, found ${String(found)}.`);
    }
  }
}

async function appendRestored(journalFolder: string, { state, counts }: Contents): Promise<void> {
  const journal = FileJournal.open(journalFolder);
  try {
    const { batches } = await journal.recover();
    // It must have been read to its end before it takes more.
    for await (const _ of batches);
    await journal.append(restoredFacts(state), counts.batches);
  } finally {
    await journal.close();
  }
}

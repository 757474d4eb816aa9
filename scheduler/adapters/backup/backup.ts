// Copies a data folder into one tar, while its scheduler runs or not. The journal is copied first:
// blobs are on disk before a fact names them, so that what is copied later holds all it needs. The
// last entry says what there must be; a tar without it was never finished.

import { createHash } from 'node:crypto';
import { copyFileSync, createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Pack } from 'tar-stream';
import { z } from 'zod';
import { listFiles } from '../journal/journal-files.ts';
import { BackupError } from './backup-error.ts';
import type { Contents } from './contents.ts';
import { countsShape, readContents } from './contents.ts';

export const manifestName = 'MANIFEST.json';
/** SHA-256 of each file but blobs, whose names are their hashes. */
export const manifestShape = z.object({
  format: z.literal(1),
  createdAt: z.string(),
  counts: countsShape,
  files: z.record(z.string(), z.string()),
});
export type Manifest = Readonly<z.infer<typeof manifestShape>>;

/** Made anew at each start, or only of use to the process that runs. */
// Where nodes connect from is kept for 30 days and goes nowhere else.
const leftOut =
  /^(journal\/|blobs\/(tmp|index)\/|blobs\/scan\.json$|nats\/(jwt\/|nats-server\.)|pki\/server\.|node-addresses\.json$|overlay\/[^/]+\/status$)|\.new$/;
const blobName = /^blobs\/[0-9a-f]{2}\/([0-9a-f]{64})$/;
/** A snapshot may take segments away while they are copied. */
const copyTries = 5;

/**
 * Writes the backup to `file`.
 *
 * @throws BackupError when the folder, or a blob that a job needs, is not there; nothing is left then.
 */
export async function backUp(dataFolder: string, file: string, now: Date): Promise<Contents> {
  if (!existsSync(join(dataFolder, 'journal'))) {
    throw new BackupError(
      `${dataFolder} has no journal, so that ${file} would be empty: wanted the folder of a scheduler (--data).`,
    );
  }
  if (existsSync(file) && statSync(file).isDirectory()) {
    throw new BackupError(`${file} is a folder: wanted a file to write the backup to.`);
  }
  const staging = makeStaging(file);
  const unfinished = `${file}.unfinished`;
  try {
    const journal = copyJournal(join(dataFolder, 'journal'), join(staging, 'journal'));
    const contents = await readContents(journal, dataFolder);
    refuseIncomplete(contents.missing);
    const tar = pack();
    const written = pipeline(tar, createWriteStream(unfinished, { mode: 0o600, flush: true }));
    // Whoever fails first tells why.
    await Promise.all([written, fill(tar, { dataFolder, staging, contents, now })]);
    renameSync(unfinished, file);
    return contents;
  } finally {
    rmSync(staging, { recursive: true, force: true });
    rmSync(unfinished, { force: true });
  }
}

/** A folder beside the file. The file's own folder is not made: it may be a disk that is not mounted. */
function makeStaging(file: string): string {
  const staging = `${file}.staging`;
  try {
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { mode: 0o700 });
    return staging;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BackupError(
      `${file} can't be written (${why}): wanted a file in a folder that is there and that I may write to.`,
    );
  }
}

function refuseIncomplete(missing: readonly string[]): void {
  const [first] = missing;
  if (first === undefined) return;
  throw new BackupError(
    `${missing.length} blobs that jobs need are not in the data folder, the first ${first}: send the files of those jobs again, or delete the jobs, and back up then.`,
  );
}

function copyJournal(from: string, to: string): string {
  for (let tries = 1; ; tries += 1) {
    rmSync(to, { recursive: true, force: true });
    mkdirSync(to, { recursive: true, mode: 0o700 });
    try {
      const files = [...listFiles(from, '.snapshot'), ...listFiles(from, '.segment')];
      for (const each of files) copyFileSync(each, join(to, basename(each)));
      return to;
    } catch (error) {
      const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isGone || tries === copyTries) throw error;
    }
  }
}

interface Source {
  readonly dataFolder: string;
  readonly staging: string;
  readonly contents: Contents;
  readonly now: Date;
}

async function fill(tar: Pack, { dataFolder, staging, contents, now }: Source): Promise<void> {
  const files: Record<string, string> = {};
  try {
    for (const [folder, name] of sources(dataFolder, staging)) {
      const sha256 = await addFile(tar, folder, name);
      const blob = blobName.exec(name)?.[1];
      if (sha256 === undefined) refuseIfNeeded(name, blob, contents);
      else if (blob === undefined) files[name] = sha256;
      else if (blob !== sha256) throw damagedBlob(blob, sha256);
    }
    const createdAt = now.toISOString();
    const manifest: Manifest = { format: 1, createdAt, counts: contents.counts, files };
    tar.entry({ name: manifestName, mode: 0o600 }, JSON.stringify(manifest));
    tar.finalize();
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** A scheduler that runs removes what nothing names, and a blob that it finds damaged. */
function refuseIfNeeded(name: string, blob: string | undefined, { named }: Contents): void {
  if (blob !== undefined && named.has(blob)) refuseIncomplete([blob]);
  else if (!name.startsWith('blobs/')) throw new BackupError(`${name} is gone: back up again.`);
}

function damagedBlob(blob: string, found: string): BackupError {
  return new BackupError(
    `blob ${blob}: its bytes changed on the disk (they hash to ${found}); check that disk. A scheduler that serves it removes it, and says whose it was.`,
  );
}

/** The copied journal, and all else from where it is. */
function* sources(dataFolder: string, staging: string): Generator<readonly [string, string]> {
  for (const name of filesIn(staging)) yield [staging, name];
  for (const name of filesIn(dataFolder)) if (!leftOut.test(name)) yield [dataFolder, name];
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile());
  return names.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}

/** Adds one file; returns its SHA-256. undefined: it is gone. */
async function addFile(tar: Pack, folder: string, name: string): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(join(folder, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await addBytes(tar, name, handle);
  } finally {
    await handle.close();
  }
}

async function addBytes(tar: Pack, name: string, handle: FileHandle): Promise<string> {
  const { size } = await handle.stat();
  const hash = createHash('sha256');
  if (size < smallBytes) {
    const bytes = await handle.readFile();
    await new Promise<void>((resolve, reject) => {
      // Called when the tar has room for more.
      tar.entry({ name, mode: 0o600 }, bytes, (error) => (error ? reject(error) : resolve()));
    });
    return hash.update(bytes).digest('hex');
  }
  const count = new Transform({
    transform(part: Buffer, _encoding, done) {
      hash.update(part);
      done(null, part);
    },
  });
  // What the running scheduler appends meanwhile, to the audit log, is for the next backup.
  const bytes = handle.createReadStream({ end: size - 1, autoClose: false });
  await pipeline(bytes, count, tar.entry({ name, mode: 0o600, size }));
  return hash.digest('hex');
}

/** Read at once: a million results are small. */
const smallBytes = 1_000_000;

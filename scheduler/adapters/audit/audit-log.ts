// Who changed what: lines of JSON in `<data>/audit`, on disk before the caller is answered. Files
// are closed at a size and the oldest goes, so that the log has a bound. It decides nothing.

import { mkdirSync, readFileSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../durable-file.ts';

const stored = z.object({
  number: z.int().positive(),
  unixMs: z.number(),
  role: z.string(),
  name: z.string(),
  tokenId: z.string(),
  action: z.string(),
  target: z.string(),
  outcome: z.string(),
});
export type AuditEntry = Readonly<z.infer<typeof stored>>;

/** About 20,000 entries a file, 600,000 in all. */
const defaults = { fileBytes: 4_000_000, files: 30 };

export class AuditLog {
  readonly #folder: string;
  readonly #bounds: typeof defaults;
  #next = 1;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  /** Lines for the next sync: all that came during the last one go with it. */
  #waiting: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(folder: string, bounds: typeof defaults) {
    this.#folder = folder;
    this.#bounds = bounds;
  }

  /** Opens the log of a data folder, or makes one. An unfinished last line is cut off. */
  static open(dataFolder: string, bounds: Partial<typeof defaults> = {}): AuditLog {
    const folder = path.join(dataFolder, 'audit');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const log = new AuditLog(folder, { ...defaults, ...bounds });
    const last = log.#files().at(-1);
    if (last === undefined) return log;
    const bytes = readFileSync(last);
    const whole = bytes.lastIndexOf('\n') + 1;
    if (whole < bytes.length) truncateSync(last, whole);
    const newest = entriesIn(last).at(-1);
    log.#next = newest === undefined ? firstOf(last) : newest.number + 1;
    return log;
  }

  /** Resolves when the entry is on disk. */
  record(entry: Omit<AuditEntry, 'number'>): Promise<void> {
    this.#waiting.push(`${JSON.stringify({ number: this.#next, ...entry })}\n`);
    this.#next += 1;
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** The newest first: those with a smaller number than `before`, and not older than `sinceUnixMs`. */
  read(options: {
    readonly before: number | null;
    readonly sinceUnixMs: number;
    readonly limit: number;
  }): readonly AuditEntry[] {
    const { before, sinceUnixMs, limit } = options;
    const found: AuditEntry[] = [];
    for (const file of this.#files().reverse()) {
      if (before !== null && firstOf(file) >= before) continue;
      for (const entry of entriesIn(file).reverse()) {
        if (before !== null && entry.number >= before) continue;
        if (entry.unixMs < sinceUnixMs || found.length >= limit) return found;
        found.push(entry);
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    const lines = this.#waiting.splice(0);
    const [first] = lines;
    if (first === undefined) return;
    const file = await this.#fileToWrite(first);
    const bytes = Buffer.from(lines.join(''));
    await file.appendFile(bytes);
    await file.datasync();
    this.#fileBytes += bytes.length;
  }

  async #fileToWrite(firstLine: string): Promise<FileHandle> {
    if (this.#file !== undefined && this.#fileBytes < this.#bounds.fileBytes) return this.#file;
    await this.#file?.close();
    // After a start it goes on with the last file, when that has room.
    const last = this.#file === undefined ? this.#files().at(-1) : undefined;
    const { number } = stored.parse(JSON.parse(firstLine));
    const name = path.join(this.#folder, `${String(number).padStart(12, '0')}.jsonl`);
    this.#file = await open(last ?? name, 'a', 0o600);
    this.#fileBytes = (await this.#file.stat()).size;
    syncFolder(this.#folder);
    const files = this.#files();
    for (const old of files.slice(0, -this.#bounds.files)) rmSync(old);
    return this.#file;
  }

  /** The oldest first: a name is the number of its first entry. */
  #files(): string[] {
    const names = readdirSync(this.#folder).filter((name) => /^\d{12}\.jsonl$/.test(name));
    return names.sort().map((name) => path.join(this.#folder, name));
  }
}

function firstOf(file: string): number {
  return Number(path.basename(file, '.jsonl'));
}

/** A line that a disk has damaged is left out: the others are worth reading. */
function entriesIn(file: string): AuditEntry[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    try {
      return [stored.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

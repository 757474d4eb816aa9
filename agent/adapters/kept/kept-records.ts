// Which outputs this node keeps, on its disk: a file for each job, to which a line is added for each task. It is
// removed when the job is.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { BlobRef } from '../../core/index.ts';

/** Of one job. */
export interface KeptJob {
  /** What peers show, hexadecimal. */
  readonly proof: string;
  /** Sizes by SHA-256. */
  readonly blobs: Map<string, number>;
}

const ending = '.jsonl';

export class KeptRecords {
  readonly #folder: string;
  /** The oldest first. */
  readonly jobs = new Map<string, KeptJob>();
  /** Of all jobs together. */
  readonly #held = new Map<string, { readonly sizeBytes: number; jobs: number }>();
  #bytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** By hash; what several jobs keep is there once. */
  get held(): ReadonlyMap<string, { readonly sizeBytes: number }> {
    return this.#held;
  }

  /** What they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reads what is there; a line that was cut off by a loss of power is none: its task says again what it left. */
  start(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of this.#names()) {
      const jobId = name.endsWith(ending) ? name.slice(0, -ending.length) : '';
      if (!isName(jobId)) continue;
      for (const line of readFileSync(join(this.#folder, name), 'utf8').split('\n')) {
        const read = lineOf(line);
        if (read !== null) this.#remember(jobId, read.proof, read.blobs);
      }
    }
  }

  /** The oldest first, by the last task that left something: their names say nothing of it. */
  #names(): readonly string[] {
    const files = readdirSync(this.#folder).map((name) => {
      const { mtimeMs } = statSync(join(this.#folder, name));
      return { name, mtimeMs };
    });
    return files.sort((a, b) => a.mtimeMs - b.mtimeMs).map(({ name }) => name);
  }

  /** On disk when this returns. Throws what the disk says. */
  add(jobId: string, proof: string, blobs: readonly BlobRef[]): void {
    if (!isName(jobId)) throw new Error(`wanted the id of a job, found ${JSON.stringify(jobId)}`);
    const known = this.jobs.get(jobId)?.blobs;
    if (known !== undefined && blobs.every(({ sha256 }) => known.has(sha256))) return;
    const pairs = blobs.map(({ sha256, sizeBytes }) => [sha256, sizeBytes]);
    const file = openSync(join(this.#folder, jobId + ending), 'a', 0o600);
    try {
      // A line before it that was cut off ends here.
      writeFileSync(file, `\n${JSON.stringify({ proof, blobs: pairs })}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    this.#remember(jobId, proof, blobs);
  }

  remove(jobId: string): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) return;
    this.jobs.delete(jobId);
    for (const sha256 of job.blobs.keys()) this.#drop(sha256);
    rmSync(join(this.#folder, jobId + ending), { force: true });
  }

  #remember(jobId: string, proof: string, blobs: readonly BlobRef[]): void {
    const job = this.jobs.get(jobId) ?? { proof, blobs: new Map<string, number>() };
    // Behind those that nothing was added to since.
    this.jobs.delete(jobId);
    this.jobs.set(jobId, job);
    for (const { sha256, sizeBytes } of blobs) {
      if (job.blobs.has(sha256)) continue;
      job.blobs.set(sha256, sizeBytes);
      const held = this.#held.get(sha256) ?? { sizeBytes, jobs: 0 };
      if (held.jobs === 0) this.#bytes += sizeBytes;
      held.jobs += 1;
      this.#held.set(sha256, held);
    }
  }

  #drop(sha256: string): void {
    const held = this.#held.get(sha256);
    if (held === undefined) return;
    held.jobs -= 1;
    if (held.jobs > 0) return;
    this.#held.delete(sha256);
    this.#bytes -= held.sizeBytes;
  }
}

/** It becomes a file's name. */
function isName(jobId: string): boolean {
  return /^[0-9A-Za-z_-]{1,64}$/.test(jobId);
}

function lineOf(line: string): { readonly proof: string; readonly blobs: BlobRef[] } | null {
  try {
    // Written by this program only; torn ones are no JSON.
    const { proof, blobs } = JSON.parse(line) as { proof: string; blobs: [string, number][] };
    return { proof, blobs: blobs.map(([sha256, sizeBytes]) => ({ sha256, sizeBytes })) };
  } catch {
    return null;
  }
}

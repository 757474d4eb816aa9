// Whose research ran on this node, for its owner: a short list on disk, the latest first. Written each ten
// minutes at most.

import type { Exit, Lease } from '../../core/index.ts';
import type { KeptFile } from '../state/kept-file.ts';

/** Jobs; older ones leave the list. */
export const mostKept = 50;
const saveEveryMs = 600_000;

export interface Ran {
  readonly researcher: string;
  readonly job: string;
  readonly tasks: number;
  readonly cpuMs: number;
  /** When one of its tasks last ended here, by this node's clock. */
  readonly lastUnixMs: number;
}

export class History {
  readonly #kept: KeptFile;
  #ran: readonly Ran[];
  /** Whose end is counted already: a result may be collected twice. */
  readonly #counted = new Set<number>();
  #savedMs = Number.NEGATIVE_INFINITY;
  #isSaved = true;

  constructor(kept: KeptFile) {
    this.#kept = kept;
    this.#ran = ranIn(kept.read());
  }

  /** The latest first. */
  get latest(): readonly Ran[] {
    return this.#ran;
  }

  /** A task has ended; with no time of CPU it never ran. */
  ended(lease: Lease, exit: Exit, nowUnixMs: number): void {
    if (exit.wallMs === 0 || this.#counted.has(lease.leaseId)) return;
    this.#counted.add(lease.leaseId);
    this.#ran = withTask(this.#ran, { lease, exit, nowUnixMs });
    this.#isSaved = false;
  }

  forget(leaseId: number): void {
    this.#counted.delete(leaseId);
  }

  /** @param nowMs monotonic. */
  saveSometimes(nowMs: number): void {
    if (!this.#isSaved && nowMs - this.#savedMs >= saveEveryMs) this.save(nowMs);
  }

  save(nowMs: number): void {
    if (this.#isSaved) return;
    this.#kept.write(JSON.stringify(this.#ran));
    this.#isSaved = true;
    this.#savedMs = nowMs;
  }
}

function withTask(
  ran: readonly Ran[],
  { lease, exit, nowUnixMs }: { lease: Lease; exit: Exit; nowUnixMs: number },
): readonly Ran[] {
  const { researcher, jobName: job } = lease;
  const isSame = (each: Ran): boolean => each.researcher === researcher && each.job === job;
  const before = ran.find(isSame);
  const now: Ran = {
    ...{ researcher, job, lastUnixMs: nowUnixMs },
    tasks: (before?.tasks ?? 0) + 1,
    cpuMs: Math.round((before?.cpuMs ?? 0) + exit.cpuMs),
  };
  return [now, ...ran.filter((each) => !isSame(each))].slice(0, mostKept);
}

function ranIn(text: string | null): readonly Ran[] {
  try {
    // Written by this program only, whole or not at all.
    return JSON.parse(text ?? '') as readonly Ran[];
  } catch {
    return [];
  }
}

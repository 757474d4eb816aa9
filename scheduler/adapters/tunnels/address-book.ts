// From which addresses nodes have connected, for the operator's eyes: 30 days, in a file of the data
// folder that only the scheduler may read. Nothing else keeps an address, and no backup has this file.

import path from 'node:path';
import { z } from 'zod';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';

export const keptMs = 30 * 24 * 3_600_000;
/** Of one node, the last ones: a line that reconnects each night has 30 in 30 days. */
const addressesOfNode = 32;
/** What is lost when the machine dies is told again within seconds, but for the time in between. */
const saveEveryMs = 3_600_000;
/** What may be kept for 30 days is kept for no 32. */
const tidyEveryMs = 24 * 3_600_000;

export interface AddressSeen {
  readonly address: string;
  readonly firstUnixMs: number;
  readonly lastUnixMs: number;
}

const contents = z.record(
  z.string(),
  z.array(z.object({ address: z.string(), firstUnixMs: z.number(), lastUnixMs: z.number() })),
);

export class AddressBook {
  readonly #file: string;
  readonly #seen: Map<string, readonly AddressSeen[]>;
  #savedUnixMs: number;
  /** Something is not on disk yet. */
  #isUnsaved = false;

  private constructor(file: string, seen: Map<string, readonly AddressSeen[]>, nowUnixMs: number) {
    this.#file = file;
    this.#seen = seen;
    this.#savedUnixMs = nowUnixMs;
  }

  /** Throws a DataFolderError when its file is damaged. */
  static open(dataFolder: string, nowUnixMs: number): AddressBook {
    const file = path.join(dataFolder, addressBookFile);
    const text = readIfThere(file);
    const read = text === null ? {} : parse(file, text);
    return new AddressBook(file, new Map(Object.entries(read)), nowUnixMs);
  }

  /** A node is connected from there now. */
  note(nodeId: string, address: string, nowUnixMs: number): void {
    const before = this.#seen.get(nodeId) ?? [];
    const known = before.find((each) => each.address === address);
    const now: AddressSeen = {
      address,
      firstUnixMs: known?.firstUnixMs ?? nowUnixMs,
      lastUnixMs: nowUnixMs,
    };
    const others = before.filter((each) => each.address !== address);
    this.#seen.set(nodeId, [now, ...others].slice(0, addressesOfNode));
    this.#isUnsaved = true;
    if (nowUnixMs - this.#savedUnixMs >= saveEveryMs) this.save(nowUnixMs);
  }

  /** The latest first. */
  of(nodeId: string, nowUnixMs: number): readonly AddressSeen[] {
    return young(this.#seen.get(nodeId) ?? [], nowUnixMs);
  }

  /** Its owner takes it back. */
  erase(nodeId: string, nowUnixMs: number): void {
    if (this.#seen.delete(nodeId)) this.save(nowUnixMs);
  }

  /** Throws when the disk is full; what was not written then is written at the next save or tidying. */
  save(nowUnixMs: number): void {
    this.#forgetOld(nowUnixMs);
    this.#savedUnixMs = nowUnixMs;
    this.#isUnsaved = true;
    writeDurably(this.#file, `${JSON.stringify(Object.fromEntries(this.#seen))}\n`);
    this.#isUnsaved = false;
  }

  /** Drops what is over, on disk, too, and saves if anything is not there yet. Throws as `save` does. */
  tidy(nowUnixMs: number): void {
    if (this.#forgetOld(nowUnixMs) || this.#isUnsaved) this.save(nowUnixMs);
  }

  /** Whether anything was dropped. */
  #forgetOld(nowUnixMs: number): boolean {
    let isChanged = false;
    for (const [nodeId, seen] of this.#seen) {
      const kept = young(seen, nowUnixMs);
      if (kept.length === seen.length) continue;
      isChanged = true;
      if (kept.length === 0) this.#seen.delete(nodeId);
      else this.#seen.set(nodeId, kept);
    }
    return isChanged;
  }
}

/**
 * Tidies now and each day, and a last time when what it returns is called. What can't be written is told and
 * tried again the next day: a full disk stops no scheduler for the sake of this file.
 */
export function keepTidy(
  book: AddressBook,
  now: () => number,
  failed: (error: unknown) => void,
): () => void {
  const attempt = (): void => {
    try {
      book.tidy(now());
    } catch (error) {
      failed(error);
    }
  };
  attempt();
  const timer = setInterval(attempt, tidyEveryMs).unref();
  return () => {
    clearInterval(timer);
    attempt();
  };
}

export const addressBookFile = 'node-addresses.json';

function young(seen: readonly AddressSeen[], nowUnixMs: number): readonly AddressSeen[] {
  return seen.filter(({ lastUnixMs }) => nowUnixMs - lastUnixMs < keptMs);
}

function parse(file: string, text: string): Record<string, AddressSeen[]> {
  try {
    return contents.parse(JSON.parse(text));
  } catch {
    const remedy = 'remove it; where nodes connect from is told again within a minute';
    throw new DataFolderError(`${file} is damaged (wanted what this scheduler wrote): ${remedy}`);
  }
}

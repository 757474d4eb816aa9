// What every journal promises, whatever it is made of.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DurableFact } from '../../scheduler/core/index.ts';
import { State, apply, imageOf, instant, siteId } from '../../scheduler/core/index.ts';
import type { Journal } from '../../scheduler/ports.ts';

/** One medium, on which journals are opened one after another. */
export interface JournalRig {
  /** Opens it as a new process would, after an orderly end of the one before or a crash. */
  open(): Journal;
  /** From now on writes fail, until the returned function is called. */
  breakMedium(): () => void;
  dispose(): Promise<void>;
}

export function journalContract(name: string, makeRig: () => JournalRig): void {
  describe(`the journal ${name}`, () => {
    let rig: JournalRig;
    beforeEach(() => {
      rig = makeRig();
    });
    afterEach(() => rig.dispose());
    for (const [promise, check] of Object.entries(promises)) it(promise, () => check(rig));
  });
}

const promises: Readonly<Record<string, (rig: JournalRig) => Promise<void>>> = {
  'is empty at first': async (rig) => {
    const { batches, image, lastSequence } = await readAll(rig.open());
    expect({ batches, image, last: lastSequence }).toEqual({
      batches: [],
      image: undefined,
      last: 0,
    });
  },

  'gives back every batch, in order and as it was': async (rig) => {
    const journal = await opened(rig);
    await appendSites(journal, 0, 5);
    await journal.close();
    const read = await readAll(rig.open());
    expect(read.batches).toEqual([0, 1, 2, 3, 4].map((number) => [site(number)]));
    expect(read.lastSequence).toBe(5);
  },

  'keeps what it acknowledged when its process dies': async (rig) => {
    await appendSites(await opened(rig), 0, 3);
    await appendSites(await opened(rig), 3, 2);
    expect((await readAll(rig.open())).batches).toHaveLength(5);
  },

  'shares nothing with whoever appends or reads': async (rig) => {
    const rows = [1, 2, 3, 4, 5, 6];
    const fact = { kind: 'leasesVoided', at: instant(1), why: 'node_lost', rows } as const;
    const journal = await opened(rig);
    await journal.append([fact], 0);
    rows[0] = 99;
    await journal.close();
    expect((await readAll(rig.open())).batches).toEqual([[{ ...fact, rows: [1, 2, 3, 4, 5, 6] }]]);
  },

  'takes nothing before it was read': async (rig) => {
    await appendSites(await opened(rig), 0, 1);
    await expect(rig.open().append([site(1)], 1)).rejects.toThrow(/recover/);
    expect((await readAll(rig.open())).batches).toHaveLength(1);
  },

  'refuses a batch in another place, and takes nothing more': async (rig) => {
    const journal = await opened(rig);
    await appendSites(journal, 0, 2);
    await expect(journal.append([site(9)], 3)).rejects.toThrow(/somebody else/);
    await expect(journal.append([site(2)], 2)).rejects.toThrow();
    expect((await readAll(rig.open())).batches).toEqual([[site(0)], [site(1)]]);
  },

  'refuses the older of two writers, and keeps what the newer wrote': async (rig) => {
    const older = await opened(rig);
    await appendSites(older, 0, 1);
    await appendSites(await opened(rig), 1, 2);
    await expect(older.append([site(9)], 1)).rejects.toThrow(/somebody else|exists/);
    await expect(older.append([site(9)], 1)).rejects.toThrow();
    expect((await readAll(rig.open())).batches).toEqual([[site(0)], [site(1)], [site(2)]]);
  },

  'takes nothing more after a write that failed, and loses nothing before it': async (rig) => {
    const journal = await opened(rig);
    await appendSites(journal, 0, 2);
    const mend = rig.breakMedium();
    await expect(journal.append([site(2)], 2)).rejects.toThrow(/takes nothing more/);
    mend();
    await expect(journal.append([site(2)], 2)).rejects.toThrow(/takes nothing more/);
    await journal.close();
    await appendSites(await opened(rig), 2, 1);
    expect((await readAll(rig.open())).batches).toEqual([[site(0)], [site(1)], [site(2)]]);
  },

  'takes nothing once it is closed': async (rig) => {
    const journal = await opened(rig);
    await journal.close();
    await expect(journal.append([site(0)], 0)).rejects.toThrow(/closed/);
  },

  'recovers from a snapshot and the batches since': async (rig) => {
    const journal = await opened(rig);
    await appendSites(journal, 0, 3);
    // Batches go on being appended while the snapshot is written.
    const written = journal.snapshot(imageOf(stateOfSites(3)), 3);
    await appendSites(journal, 3, 2);
    await written;
    expect(journal.wantsSnapshot()).toBe(false);
    await appendSites(journal, 5, 1);
    await journal.close();

    const read = await readAll(rig.open());
    expect(read.imageSequence).toBe(3);
    expect(read.image).toEqual(imageOf(stateOfSites(3)));
    expect(read.batches).toEqual([[site(3)], [site(4)], [site(5)]]);
    expect(read.lastSequence).toBe(6);
  },

  'goes on after a snapshot of all there is': async (rig) => {
    const journal = await opened(rig);
    await appendSites(journal, 0, 2);
    await journal.snapshot(imageOf(stateOfSites(2)), 2);
    await journal.close();
    await appendSites(await opened(rig), 2, 1);
    const read = await readAll(rig.open());
    expect(read.batches).toEqual([[site(2)]]);
    expect(read.lastSequence).toBe(3);
  },
};

async function opened(rig: JournalRig): Promise<Journal> {
  const journal = rig.open();
  await readAll(journal);
  return journal;
}

async function readAll(journal: Journal) {
  const { image, imageSequence, batches, lastSequence } = await journal.recover();
  const read: (readonly DurableFact[])[] = [];
  for await (const batch of batches) read.push(batch);
  return { image, imageSequence, batches: read, lastSequence: lastSequence() };
}

async function appendSites(journal: Journal, first: number, count: number): Promise<void> {
  for (let number = first; number < first + count; number += 1) {
    await journal.append([site(number)], number);
  }
}

function stateOfSites(count: number): State {
  const state = new State();
  for (let number = 0; number < count; number += 1) apply(state, site(number));
  return state;
}

function site(number: number): Extract<DurableFact, { kind: 'siteSet' }> {
  return {
    kind: 'siteSet',
    at: instant(1_800_000_000_000 + number),
    siteNumber: number,
    siteId: siteId(`site-${number}`),
    downBps: 1e6,
    upBps: 1e5,
    source: 'declared',
    share: 0.25,
  };
}

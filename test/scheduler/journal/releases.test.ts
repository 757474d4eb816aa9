// The journal of every release loads, with all that was in it. How those journals are made, and when
// they must be made again: test/fixtures/journal/make.ts.

import { cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournalFolder } from './journal-folder.ts';
import type { Reading } from './journal-folder.ts';
import { durableKinds, stateIn, tellStory } from './story.ts';
import { summaryOf } from './summary.ts';

const root = join(import.meta.dirname, '../../..');
const fixtures = join(root, 'test/fixtures/journal');
const versions = readdirSync(fixtures).filter((name) => /^\d/.test(name));
// npm's own file.
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};

const allKinds = Object.keys(durableKinds).toSorted();

describe.each(versions)('the journal that version %s left behind', (each) => {
  let folder: JournalFolder;
  const state = readFileSync(join(fixtures, each, 'state.txt'), 'utf8');
  beforeEach(() => {
    folder = new JournalFolder();
    cpSync(join(fixtures, each, 'journal'), folder.path, { recursive: true });
  });
  afterEach(() => folder.remove());

  it('loads from its snapshot and the batches since', async () => {
    const reading = await folder.read();
    expect(reading.warnings).toEqual([]);
    expect(reading.image).toBeDefined();
    expect(summaryOf(stateIn(reading))).toBe(state);
  });

  it('loads from its first batch', async () => {
    for (const name of folder.contents().keys()) {
      if (name.endsWith('.snapshot')) rmSync(folder.file(name));
    }
    const reading = await folder.read();
    expect(reading.image).toBeUndefined();
    expect(summaryOf(stateIn(reading))).toBe(state);
  });
});

describe('this version', () => {
  it('has left its journal with every kind of durable fact', async () => {
    const folder = new JournalFolder();
    cpSync(join(fixtures, version, 'journal'), folder.path, { recursive: true });
    for (const name of folder.contents().keys()) {
      if (name.endsWith('.snapshot')) rmSync(folder.file(name));
    }
    const { batches } = await folder.read();
    folder.remove();
    expect(kindsIn(batches), 'run: npx tsx test/fixtures/journal/make.ts').toEqual(allKinds);
  });

  it('tells a story in which every kind of durable fact occurs', () => {
    expect(kindsIn(tellStory()), 'add a step to test/scheduler/journal/story.ts').toEqual(allKinds);
  });
});

function kindsIn(batches: Reading['batches']): readonly string[] {
  return [...new Set(batches.flat().map((fact) => fact.kind))].toSorted();
}

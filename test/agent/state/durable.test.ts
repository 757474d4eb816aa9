// Files that are seen whole or not at all.

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeDurably } from '../../../agent/adapters/state/durable.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'punnet-durable-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('what can not be written leaves nothing of itself behind', () => {
  const file = join(folder, 'kept.json');
  writeDurably(file, 'before');
  expect(readFileSync(file, 'utf8')).toBe('before');
  // Nothing can take the place of a folder.
  mkdirSync(join(folder, 'taken'));
  expect(() => writeDurably(join(folder, 'taken'), 'after')).toThrow();
  expect(readdirSync(folder).toSorted()).toEqual(['kept.json', 'taken']);
});

// proto/gen is what `npm run gen` makes, byte for byte; it is never edited.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { root } from './sources.ts';

function filesOf(folder: string): ReadonlyMap<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(folder.length), readFileSync(file, 'latin1')]),
  );
}

test('proto/gen is what npm run gen makes', () => {
  const fresh = mkdtempSync(join(tmpdir(), 'punnet-gen-'));
  onTestFinished(() => rmSync(fresh, { recursive: true }));
  execFileSync('sh', ['tools/gen.sh', fresh], { cwd: root, stdio: 'pipe' });
  const made = filesOf(fresh);
  const kept = filesOf(join(root, 'proto/gen'));
  expect([...kept.keys()]).toEqual([...made.keys()]);
  const stale = [...made].filter(([file, text]) => kept.get(file) !== text).map(([file]) => file);
  expect(stale, 'run npm run gen, and commit what it makes').toEqual([]);
});

// The project's own source files, for the tests that hold them to the project's rules.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** All TypeScript and build scripts under version control that people write, sorted. */
export function sourceFiles(): readonly string[] {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !isGenerated(entry.name))
    .map((entry) => entry.name);
  const found = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  );
  found.push('vitest.config.ts');
  return found.filter((file) => /\.(ts|mjs)$/.test(file) && !isGenerated(file)).sort();
}

function isGenerated(file: string): boolean {
  return /^(node_modules|dist|coverage|proto\/gen|\.)/.test(file);
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

// Written by npm; only names and paths of files matter here.
const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  imports: Record<string, string>;
};

/** What a file imports: project files as paths from the root, all else by its name. */
export function importsOf(file: string): readonly string[] {
  const statements = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g;
  const names = [...textOf(file).matchAll(statements)].map((match) => match[1] ?? '');
  return names.map((name) => {
    if (name.startsWith('.')) return normalize(join(dirname(file), name));
    return normalize(imports[name] ?? name);
  });
}

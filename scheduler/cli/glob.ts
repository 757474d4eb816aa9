// A small glob (* ? and **): Node 20 has none. Matches files only; hidden ones only when named so.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

// More files than a job may have tasks are a slip, such as "/**".
const matchesMax = 1_000_000;

/** True when the text has a wildcard. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** Files that match, relative to `folder` (or absolute for an absolute pattern), sorted. */
export async function expandGlob(folder: string, pattern: string): Promise<readonly string[]> {
  const isAbsolute = path.isAbsolute(pattern);
  const parts = path
    .normalize(pattern)
    .split('/')
    .filter((part) => part !== '');
  const found = new Set<string>();
  await walk({ root: isAbsolute ? '/' : folder, at: '', parts, found });
  return [...found].map((file) => (isAbsolute ? `/${file}` : file)).sort();
}

interface Step {
  readonly root: string;
  readonly at: string;
  readonly parts: readonly string[];
  readonly found: Set<string>;
}

async function walk(step: Step): Promise<void> {
  const [part, ...rest] = step.parts;
  if (part === undefined || step.found.size >= matchesMax) return;
  if (part === '**') await walk({ ...step, parts: rest.length === 0 ? ['*'] : rest });
  if (part !== '**' && !isGlob(part)) return enter(step, part, rest);
  const matcher = part === '**' ? /^[^.]/ : toRegExp(part);
  const entries = await readdir(path.join(step.root, step.at)).catch(() => []);
  for (const name of entries.sort()) {
    if (!matcher.test(name)) continue;
    if (part !== '**') await enter(step, name, rest);
    else if (await isFolder(step, name)) await walk({ ...step, at: path.join(step.at, name) });
  }
}

async function enter(step: Step, name: string, rest: readonly string[]): Promise<void> {
  const at = path.join(step.at, name);
  if (rest.length > 0) return walk({ ...step, at, parts: rest });
  const found = await stat(path.join(step.root, at)).catch(() => undefined);
  if (found?.isFile() === true) step.found.add(at);
}

async function isFolder(step: Step, name: string): Promise<boolean> {
  const full = path.join(step.root, step.at, name);
  // A symlinked folder could lead round in a circle: ** does not follow it.
  const entries = await readdir(path.dirname(full), { withFileTypes: true });
  return entries.some((entry) => entry.name === name && entry.isDirectory());
}

function toRegExp(part: string): RegExp {
  const body = part
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(part.startsWith('.') ? `^${body}$` : `^(?!\\.)${body}$`);
}

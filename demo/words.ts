// The data-heavy job: word counts over this machine's own files (the sources of the npm packages
// that are installed anyway), in shards. Makes the shards, and counts the same here to compare.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Writes the shards, in a stable order of files; they end at line ends. */
export function makeShards(
  sources: string,
  folder: string,
  { shards, shardBytes }: { readonly shards: number; readonly shardBytes: number },
): void {
  mkdirSync(folder, { recursive: true });
  const texts = textsUnder(sources);
  for (let shard = 0; shard < shards; shard += 1) {
    let text = '';
    while (text.length < shardBytes) {
      const { value, done } = texts.next();
      if (done === true) throw new Error(`too little text under ${sources} for ${shards} shards`);
      text += value;
    }
    const name = `shard-${String(shard).padStart(2, '0')}.txt`;
    writeFileSync(join(folder, name), text.slice(0, shardBytes));
  }
}

function* textsUnder(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* textsUnder(path);
    else if (entry.isFile() && /\.(js|mjs|cjs|ts|md)$/.test(entry.name)) {
      yield readFileSync(path, 'utf8');
    }
  }
}

export type Counts = ReadonlyMap<string, number>;

/** Adds up the files that the tasks left. */
export function addCounts(files: readonly string[]): Counts {
  const total = new Map<string, number>();
  for (const file of files) {
    for (const line of gunzipSync(readFileSync(file)).toString().split('\n')) {
      const [count, word] = line.split(' ');
      if (word !== undefined) total.set(word, (total.get(word) ?? 0) + Number(count));
    }
  }
  return total;
}

/** Counts the same words here. */
export function countDirectly(folder: string): Counts {
  const total = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'latin1');
    for (const match of text.matchAll(/[A-Za-z]{3,}/g)) {
      const word = match[0].toLowerCase();
      total.set(word, (total.get(word) ?? 0) + 1);
    }
  }
  return total;
}

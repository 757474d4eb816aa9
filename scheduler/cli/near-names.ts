// What to say of a file that is not there: the name in its folder that was probably meant.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { closest } from './did-you-mean.ts';

/** "no such file" and, when a name in the folder is near, which one was meant. */
export async function noSuchFile(file: string): Promise<string> {
  const names = await readdir(path.dirname(file)).catch(() => undefined);
  if (names === undefined) return `no such file, and no folder ${path.dirname(file)}`;
  const meant = closest(path.basename(file), names);
  return meant === undefined ? 'no such file' : `no such file, did you mean ${meant}?`;
}

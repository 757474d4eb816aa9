// What apt's signed lists say of a `.deb`: its SHA-256 and size. They are read when somebody asks, and forgotten when
// nobody has asked for a while: a Pi has little memory.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PackageList, readList, type Deb } from './package-list.ts';

const forgottenAfterMs = 30 * 60_000;

export class SignedLists {
  readonly #folder: string;
  readonly #lists = new Map<
    string,
    { readonly state: string; readonly list: Promise<PackageList> }
  >();
  #timer: NodeJS.Timeout | undefined;

  readonly #withinMs: number | undefined;

  /**
   * @param folder /var/lib/apt/lists, or another root's.
   * @param withinMs what unpacking one may take.
   */
  constructor(folder: string, withinMs?: number) {
    this.#folder = folder;
    this.#withinMs = withinMs;
  }

  /** What the lists say of this address; null: nothing, or different things. Lists of its own host come first: Debian
   * and Raspbian call different bytes by one name. A list that can't be read says nothing. */
  async find(address: URL): Promise<Deb | null> {
    const names = filenamesIn(address);
    const lists = await this.#current();
    const own = lists.filter(([name]) => name.startsWith(`${address.host}_`));
    const [first, ...more] =
      [own, lists].map((each) => debsIn(each, names)).find((found) => found.length > 0) ?? [];
    return more.length === 0 ? (first ?? null) : null;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#lists.clear();
  }

  async #current(): Promise<readonly (readonly [string, PackageList])[]> {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lists.clear(), forgottenAfterMs).unref();
    const names = await readdir(this.#folder).catch(() => []);
    const wanted = names.filter((name) => /_Packages(\.\w+)?$/.test(name));
    for (const name of this.#lists.keys()) if (!wanted.includes(name)) this.#lists.delete(name);
    const lists: (readonly [string, PackageList])[] = [];
    // One after the other: each takes a buffer.
    for (const name of wanted) lists.push([name, await this.#read(name)]);
    return lists;
  }

  /** Again when the file has changed, once for all who wait. */
  async #read(name: string): Promise<PackageList> {
    const path = join(this.#folder, name);
    const file = await stat(path).catch(() => null);
    const state = `${file?.ino} ${file?.size} ${file?.mtimeMs}`;
    const known = this.#lists.get(name);
    if (known?.state === state) return known.list;
    const list = readList(path, this.#withinMs).catch(() => new PackageList());
    this.#lists.set(name, { state, list });
    return list;
  }
}

/** Each once. */
function debsIn(
  lists: readonly (readonly [string, PackageList])[],
  names: readonly string[],
): readonly Deb[] {
  const found = lists.flatMap(([, list]) => names.map((name) => list.find(name)));
  const debs = found.filter((deb) => deb !== null);
  return [...new Map(debs.map((deb) => [deb.sha256, deb])).values()];
}

/** A list names what is below the start of its repository, which may be at any depth of its host. */
function filenamesIn(address: URL): readonly string[] {
  let path: string;
  try {
    path = decodeURIComponent(address.pathname);
  } catch {
    return [];
  }
  const parts = path.split('/').filter((part) => part !== '');
  return parts.slice(0, 12).map((_, index) => parts.slice(index).join('/'));
}

// One release on this node: its versions side by side, and which of them is active, as a symlink that is
// replaced in one step. Whenever the process or the power ends, the link leads to a version that is whole.
// deploy/debian/punnet-agent/start-agent.sh reads and writes the same files, without Node.

import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Source } from './known-chunks.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { writeDurably } from '../state/durable.ts';

/** What else is known of it; kept in one small file. */
export interface ReleaseFacts {
  /** Serial of each version on the disk. */
  readonly serials: Readonly<Record<string, number>>;
  /** Path of each version's hook; empty: it has none. */
  readonly hooks: Readonly<Record<string, string>>;
  /** SHA-256 of each version's tar. */
  readonly blobs: Readonly<Record<string, string>>;
  /** The active version has done its work: its hook has ended well, or the agent has. */
  readonly isProven: boolean;
  readonly fetchedBytes: number;
  readonly sizeBytes: number;
}

const noFacts: ReleaseFacts = {
  ...{ serials: {}, hooks: {}, blobs: {}, isProven: false, fetchedBytes: 0, sizeBytes: 0 },
};
const tarEnd = '.tar';

export class ReleaseFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o711 });
  }

  /** The version that is active; empty: none. */
  get active(): string {
    return this.#link('active');
  }

  /** What it goes back to; empty: to none. */
  get previous(): string {
    return this.#link('previous');
  }

  get failed(): { readonly version: string; readonly problem: string } {
    const [version = '', ...problem] = this.#text('failed').split('\n');
    return { version, problem: problem.join(' ').trim() };
  }

  get facts(): ReleaseFacts {
    try {
      // Written by this program, whole or not at all.
      return { ...noFacts, ...(JSON.parse(this.#text('facts.json')) as ReleaseFacts) };
    } catch {
      return noFacts;
    }
  }

  /** Versions that are whole, and not active. */
  get staged(): readonly string[] {
    const { active } = this;
    return readdirSync(this.path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.endsWith('.tmp'))
      .map(({ name }) => name)
      .filter((name) => name !== active);
  }

  has(version: string): boolean {
    return existsSync(this.folderOf(version));
  }

  folderOf(version: string): string {
    return join(this.path, version);
  }

  /** The tar of a version, from which the next one is put together. */
  tarOf(version: string): string {
    return `${this.folderOf(version)}${tarEnd}`;
  }

  indexOf(version: string): string {
    return `${this.folderOf(version)}.caibx`;
  }

  /** Versions whose tar and index are here. */
  get tars(): readonly string[] {
    return readdirSync(this.path)
      .filter((name) => name.endsWith(tarEnd))
      .map((name) => name.slice(0, -tarEnd.length))
      .filter((version) => existsSync(this.indexOf(version)));
  }

  /** What the next version is put together of, beside what comes. */
  get sources(): readonly Source[] {
    return this.tars.map((each) => ({ tar: this.tarOf(each), index: this.indexOf(each) }));
  }

  /** Makes a version the active one. `starts` says that it has to prove itself. */
  activate(version: string): void {
    const before = this.active;
    if (before === version) return;
    writeDurably(join(this.path, 'starts'), `${version} 0\n`);
    this.note({ isProven: false });
    if (before === '') rmSync(join(this.path, 'previous'), { force: true });
    else this.#point('previous', before);
    this.#point('active', version);
  }

  /** The active one has gone wrong, or is not wanted: the one before is active again, and it is not proven anew. */
  goBack(why: string | null): void {
    const { active, previous } = this;
    if (active === '') return;
    if (why !== null) this.#noteFailed(active, why);
    if (previous === '' || previous === active || !this.has(previous)) {
      rmSync(join(this.path, 'active'), { force: true });
    } else this.#point('active', previous);
    this.#sync();
    rmSync(join(this.path, 'previous'), { force: true });
    this.confirm();
  }

  #noteFailed(version: string, why: string): void {
    try {
      writeDurably(join(this.path, 'failed'), `${version}\n${why}\n`);
    } catch (error) {
      // It goes back on a full disk, too: the worst is that it is told to take the version once more.
      if (!isDiskFull(error)) throw error;
    }
  }

  /** The active version has to prove itself: its starts are counted. */
  get isUnproved(): boolean {
    return this.#text('starts').startsWith(`${this.active} `);
  }

  /** The active version has proved itself: starts are not counted any more. */
  confirm(): void {
    rmSync(join(this.path, 'starts'), { force: true });
  }

  note(changes: Partial<ReleaseFacts>): void {
    writeDurably(join(this.path, 'facts.json'), JSON.stringify({ ...this.facts, ...changes }));
  }

  /** All but the active version, the one before it, and this one. */
  prune(kept: string): void {
    const stays = new Set([this.active, this.previous, kept]);
    for (const name of readdirSync(this.path)) {
      const version = name.replace(/(\.tar|\.caibx)?(\.part|\.tmp)?$/, '');
      const isVersion = /^\d/.test(version);
      if (isVersion && !stays.has(version)) rmSync(join(this.path, name), { recursive: true });
    }
  }

  #link(name: string): string {
    try {
      return readlinkSync(join(this.path, name));
    } catch {
      return '';
    }
  }

  #point(name: string, version: string): void {
    const temporary = join(this.path, `${name}.new`);
    rmSync(temporary, { force: true });
    symlinkSync(version, temporary);
    renameSync(temporary, join(this.path, name));
    this.#sync();
  }

  #sync(): void {
    syncPath(this.path);
  }

  #text(name: string): string {
    try {
      return readFileSync(join(this.path, name), 'utf8');
    } catch {
      return '';
    }
  }
}

/** Hard links cost nothing; some file systems have none. */
export function placeFile(file: string, to: string): void {
  try {
    linkSync(file, to);
  } catch {
    copyFileSync(file, to);
  }
}

/** All files and folders below are on the disk: unpacking does not wait for that. */
export function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) syncTree(join(folder, entry.name));
    else if (entry.isFile()) syncPath(join(folder, entry.name));
  }
  syncPath(folder);
}

function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

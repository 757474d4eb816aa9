// A disk of a few megabytes that a test can fill: a tmpfs in a mount namespace of its own, which
// goes with the process that holds it, and that with the test; or, for what looks where a path really
// leads and for other users, one that root mounts.

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, rmdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';

export class SmallDisk {
  readonly path: string;
  readonly #point: string;
  /** null: it is mounted for all. */
  readonly #holder: ChildProcess | null;

  private constructor(point: string, holder: ChildProcess | null) {
    this.#point = point;
    this.#holder = holder;
    this.path = holder === null ? point : `/proc/${holder.pid}/root${point}`;
  }

  /** A string says why there can be none here. */
  static mountForAll(megabytes: number, point = newPoint()): SmallDisk | string {
    const words = ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=711`, 'tmpfs', point];
    const { status, stderr } = spawnSync('mount', words, { encoding: 'utf8' });
    if (status === 0) return new SmallDisk(point, null);
    rmdirSync(point);
    return `no small disk can be mounted for all here: ${stderr.trim()}`;
  }

  /** A string says why there can be none here. */
  static async mount(megabytes: number): Promise<SmallDisk | string> {
    const point = newPoint();
    const script = 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && echo mounted && exec cat';
    const words = ['-rm', 'sh', '-c', script, 'sh', String(megabytes), point];
    const holder = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    holder.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const mounted = once(holder.stdout, 'data').then(() => true);
    const ended = once(holder, 'close').then(() => false);
    if (await Promise.race([mounted, ended])) return new SmallDisk(point, holder);
    rmdirSync(point);
    return `no small disk can be mounted here: ${said.trim()}`;
  }

  /** Leaves at most so many bytes; again: of what is free by now. */
  fill(leftBytes = 0): void {
    const { bavail, bsize } = statfsSync(this.path);
    const pages = Math.max(0, bavail - Math.ceil(leftBytes / bsize));
    try {
      appendFileSync(join(this.path, 'ballast'), Buffer.alloc(pages * bsize, 1));
    } catch (error) {
      // Who is tested writes, too.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  free(): void {
    rmSync(join(this.path, 'ballast'));
  }

  async unmount(): Promise<void> {
    if (this.#holder === null) spawnSync('umount', ['-l', this.#point]);
    else {
      const closed = once(this.#holder, 'close');
      this.#holder.stdin?.end();
      await closed;
    }
    rmdirSync(this.#point);
  }
}

function newPoint(): string {
  return mkdtempSync(join(tmpdir(), 'punnet-disk-'));
}

/** The disk, in a test that is skipped without one. */
export function diskOf(context: TestContext, mounted: SmallDisk | string): SmallDisk {
  return typeof mounted === 'string' ? context.skip(mounted) : mounted;
}

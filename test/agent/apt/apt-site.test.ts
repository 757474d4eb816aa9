// Packages of apt at a site: each comes from its mirror once, whoever lies, and apt works when nobody arranges it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRepository, packageNames, serve, type Repository } from './apt-rig.ts';
import { AptSite, download, type AptNode } from './apt-site.ts';

const top = mkdtempSync(join(tmpdir(), 'punnet-apt-site-'));
let repository: Repository;

beforeAll(() => {
  repository = makeRepository(join(top, 'repository'));
});
afterAll(() => rmSync(top, { recursive: true }));

interface Ground {
  readonly site: AptSite;
  readonly add: () => Promise<AptNode>;
  /** Packages that the mirror was asked for. */
  readonly asked: () => number;
}

interface Given {
  readonly hasPackages?: boolean;
  /** As in `SiteExchangeOptions`; a busy machine may be silent for longer than five seconds. */
  readonly silentMs?: number;
}

/** A site and a mirror of its own, which has packages or not. */
async function at(
  use: (ground: Ground) => Promise<void>,
  { hasPackages = true, silentMs = 60_000 }: Given = {},
): Promise<void> {
  const isDeb = (path = ''): boolean => path.endsWith('.deb');
  const served = await serve(repository.folder, ({ url }, response) => {
    if (hasPackages || !isDeb(url)) return false;
    response.writeHead(404).end();
    return true;
  });
  const site = new AptSite(served, silentMs);
  try {
    const asked = (): number => served.asked.filter(isDeb).length;
    await use({ site, asked, add: () => site.add(top, repository) });
  } finally {
    await site.stop();
    await served.stop();
  }
}

const get = (node: AptNode, names: readonly string[] = packageNames): Promise<string> =>
  download(node, repository, names);
const right = 'all are right';

// Most of what they do is to wait.
describe.concurrent('at a site', () => {
  test('three that ask at the same time, and one that asks later, cost the line one copy', () =>
    at(async ({ add, asked }) => {
      const nodes = await Promise.all([add(), add(), add()]);
      expect(await Promise.all(nodes.map((node) => get(node)))).toEqual([right, right, right]);
      expect(await get(await add())).toBe(right);
      expect(asked()).toBe(packageNames.length);
    }));

  test('a peer whose bytes are wrong is asked once, and apt gets none of them', () =>
    at(async ({ add, asked }) => {
      const names = packageNames.slice(0, 1);
      const liar = await add();
      expect(await get(liar, names)).toBe(right);
      const { sha256, bytes } = repository.debOf(packageNames[0]);
      writeFileSync(join(liar.blobs, sha256), Buffer.alloc(bytes.length));
      expect(await get(await add(), names)).toBe(right);
      expect(asked()).toBe(2);
    }));

  test('a package that was removed from the disk comes again, from a peer', () =>
    at(async ({ add, asked }) => {
      const [one, other] = await Promise.all([add(), add()]);
      expect(await Promise.all([get(one), get(other)])).toEqual([right, right]);
      for (const name of packageNames) rmSync(join(one.blobs, repository.debOf(name).sha256));
      await one.apt.run('clean');
      expect(await get(one)).toBe(right);
      expect(asked()).toBe(packageNames.length);
    }));

  test('a scheduler that says nothing is waited for once, and apt has its packages all the same', () =>
    at(
      async ({ site, add }) => {
        const node = await add();
        site.isSilent = true;
        const beganMs = performance.now();
        expect(await get(node)).toBe(right);
        expect(performance.now() - beganMs).toBeGreaterThan(1_900);
        expect(node.proxy.count).toEqual({ site: 0, mirrors: packageNames.length });
      },
      { silentMs: 2_000 },
    ));

  test('without a way to the scheduler, and without room, apt asks the mirror at once', () =>
    at(async ({ add, asked }) => {
      const [alone, full] = await Promise.all([add(), add()]);
      await alone.exchange.hearScheduler(false);
      full.hasRoom = false;
      expect(await Promise.all([get(alone), get(full)])).toEqual([right, right]);
      expect(asked()).toBe(2 * packageNames.length);
    }));

  test('that a mirror has a package no more apt hears from the mirror itself', () =>
    at(async ({ add }) => expect(await get(await add())).toMatch(/404/), {
      hasPackages: false,
    }));
});

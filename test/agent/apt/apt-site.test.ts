// Packages of apt at a site: each comes from its mirror once, whoever lies, and apt works when nobody arranges it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeRepository, packageNames, serve, type Repository, type Served } from './apt-rig.ts';
import { AptSite, download } from './apt-site.ts';

const top = mkdtempSync(join(tmpdir(), 'punnet-apt-site-'));
let repository: Repository;
let served: Served;
let site: AptSite;

beforeAll(() => {
  repository = makeRepository(join(top, 'repository'));
});
afterAll(() => rmSync(top, { recursive: true }));
beforeEach(async () => {
  served = await serve(repository.folder);
  site = new AptSite(served);
});
afterEach(async () => {
  await site.stop();
  await served.stop();
});

const add = () => site.add(top, repository);
const get = (node: Awaited<ReturnType<typeof add>>) => download(node, repository);
const debsAsked = (): number => served.asked.filter((path) => path.endsWith('.deb')).length;

test('three that ask at the same time, and one that asks later, cost the line one copy', async () => {
  const nodes = await Promise.all([add(), add(), add()]);
  const said = await Promise.all(nodes.map(get));
  expect(said).toEqual(nodes.map(() => 'all are right'));
  expect(await get(await add())).toBe('all are right');
  expect(debsAsked()).toBe(packageNames.length);
  expect(nodes.map(({ proxy }) => proxy.count.site)).toEqual(nodes.map(() => packageNames.length));
});

test('a peer whose bytes are wrong is asked once, and apt gets none of them', async () => {
  const liar = await add();
  expect(await get(liar)).toBe('all are right');
  for (const name of packageNames) {
    const { sha256, bytes } = repository.debOf(name);
    writeFileSync(join(liar.blobs, sha256), Buffer.alloc(bytes.length));
  }
  expect(await get(await add())).toBe('all are right');
  expect(debsAsked()).toBe(2 * packageNames.length);
});

test('a package that was removed from the disk comes again, from a peer', async () => {
  const [one, other] = await Promise.all([add(), add()]);
  expect(await Promise.all([get(one), get(other)])).toEqual(['all are right', 'all are right']);
  for (const name of packageNames) rmSync(join(one.blobs, repository.debOf(name).sha256));
  await one.apt.run('clean');
  expect(await get(one)).toBe('all are right');
  expect(debsAsked()).toBe(packageNames.length);
});

test('a scheduler that says nothing costs five seconds, and apt has its packages all the same', async () => {
  const node = await add();
  site.isSilent = true;
  const beganMs = performance.now();
  expect(await get(node)).toBe('all are right');
  expect(performance.now() - beganMs).toBeGreaterThan(4_900);
  expect(node.proxy.count).toEqual({ site: 0, mirrors: packageNames.length });
});

test('without a way to the scheduler, and without room, apt asks the mirror at once', async () => {
  const [alone, full] = await Promise.all([add(), add()]);
  await alone.exchange.hearScheduler(false);
  full.hasRoom = false;
  const said = await Promise.all([get(alone), get(full)]);
  expect(said).toEqual(['all are right', 'all are right']);
  expect(debsAsked()).toBe(2 * packageNames.length);
});

test('a mirror that has a package no more is told by the mirror itself', async () => {
  const node = await add();
  rmSync(join(repository.folder, repository.debOf(packageNames[0]).path));
  expect(await get(node)).toMatch(/404/);
});

// A node that is told of releases, for tests: the federation that signed them, an origin that counts, and a site's exchange
// that says what the test wants.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FetchRelease } from '../../../agent/adapters/releases/fetch-release.ts';
import type { ReleasesOptions } from '../../../agent/adapters/releases/releases.ts';
import { Releases } from '../../../agent/adapters/releases/releases.ts';
import { encodeIndex } from '../../../proto/chunks.ts';
import type { ReleaseOrder } from '../../../proto/gen/punnet/v1/agent.ts';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import { contentCutter } from '../../../scheduler/chunking/cutter.ts';
import { makeIndex } from '../../../scheduler/chunking/make-index.ts';
import { packFolder } from '../../../scheduler/cli/bundle-tar.ts';
import { ReleaseRig, release, temporaryFolder } from './release-rig.ts';

/** What a test changes and looks at. */
export const world = {
  replaced: 0,
  fetchedBytes: 0,
  /** Throws for a request to the origin that fails. */
  problem: (): void => undefined,
  /** What the site's exchange says when it is asked for a blob. */
  brings: refuse as FetchRelease['exchange']['bringUpdate'],
  offered: [] as string[],
  givenUp: [] as string[],
};
export let rig: ReleaseRig;
export let state: string;
/** Files of blobs, by their hashes. */
export let blobs: Map<string, string>;
export let listed: ReleaseTarget[];

export async function newWorld(): Promise<void> {
  rig = new ReleaseRig();
  await rig.init();
  state = temporaryFolder();
  blobs = new Map();
  listed = [];
  const none = { problem: () => undefined, brings: refuse, offered: [], givenUp: [] };
  Object.assign(world, { replaced: 0, fetchedBytes: 0, ...none });
}

function refuse(): Promise<{ readonly kind: 'refused' }> {
  return Promise.resolve({ kind: 'refused' });
}

const exchange: FetchRelease['exchange'] = {
  bringUpdate: (...of) => world.brings(...of),
  offerFile: ({ sha256 }) => {
    world.offered.push(sha256);
    return Promise.resolve(true);
  },
  giveUp: (sha256) => world.givenUp.push(sha256),
};

export const origin: FetchRelease['blobs'] = {
  isHere: ({ sha256 }) => Promise.resolve(existsSync(origin.fileOf(sha256))),
  fileOf: (sha256) => join(state, `.${sha256}`),
  fetch: ({ sha256, sizeBytes }) => {
    world.problem();
    world.fetchedBytes += sizeBytes;
    return Promise.resolve(blobs.get(sha256) ?? '');
  },
  range: ({ sha256 }, { offset, lengthBytes }) => {
    world.problem();
    world.fetchedBytes += lengthBytes;
    const bytes = readFileSync(blobs.get(sha256) ?? '');
    return Promise.resolve(bytes.subarray(offset, offset + lengthBytes));
  },
};

export function node(changes: Partial<ReleasesOptions> = {}): Releases {
  return new Releases({
    ...{ folder: state, trusted: rig.node, blobs: origin, architecture: 'armv7l', running: '' },
    exchange: () => exchange,
    room: {
      take: () => Promise.resolve(() => undefined),
      trim: () => Promise.resolve(),
      isShort: false,
    },
    memoryBytes: () => 50e6,
    ...{ hasStarter: true, mayTransfer: () => true, log: () => undefined },
    onReplaced: () => (world.replaced += 1),
    onNews: () => undefined,
    ...changes,
  });
}

/** Packs these files, and puts them on the list. */
export async function publish(
  version: string,
  files: Readonly<Record<string, string | Buffer>>,
  changes: Partial<ReleaseTarget> = {},
): Promise<void> {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { mode: name === 'hook' ? 0o755 : 0o644 });
  }
  const tar = join(temporaryFolder(), 'tar');
  await packFolder(folder, tar);
  const index = encodeIndex(await makeIndex([readFileSync(tar)], contentCutter()));
  const indexFile = `${tar}.caibx`;
  writeFileSync(indexFile, index);
  const [sha256, indexSha256] = [tar, indexFile].map((file) => {
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex');
    blobs.set(hash, file);
    return hash;
  });
  const sizes = { sizeBytes: statSync(tar).size, indexBytes: index.length };
  const of = {
    ...release(version),
    name: 'maps',
    kind: 'files',
    serial: listed.length + 2,
  } as const;
  const target = {
    ...of,
    sha256: sha256 ?? '',
    indexSha256: indexSha256 ?? '',
    ...sizes,
    ...changes,
  };
  listed.push(target);
  rig.know(target);
  expect(await rig.publish(...listed)).toBeNull();
  rig.nowMs += 2 * 3_600_000;
}

export function order(version: string, action: ReleaseAction, name = 'maps'): ReleaseOrder {
  const grants = [...blobs.keys()].map((sha256) => ({
    ...{ blob: { sha256, sizeBytes: 1 }, capability: 'yes', isShared: true },
  }));
  return { name, version, action, blobs: grants };
}

export async function told(releases: Releases, ...orders: readonly ReleaseOrder[]) {
  for (const each of orders) {
    releases.take([each]);
    await releases.settled();
  }
  return releases.states()[0];
}

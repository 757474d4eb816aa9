// Brings one version of a release to this node's disk, whole and checked, at the cost of what it has not yet.

import { copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobGrant as GrantMessage } from '../../../proto/gen/punnet/v1/agent.ts';
import type { ChunkIndex } from '../../../proto/chunks.ts';
import { decodeIndex, indexedBytes } from '../../../proto/chunks.ts';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import type { BlobGrant, BlobRef } from '../../core/index.ts';
import { blocksOf } from '../blobs/blob-client.ts';
import { BlobClientError } from '../blobs/blob-http.ts';
import type { DiskRoom } from '../blobs/disk-room.ts';
import type { UnpackLimits } from '../sandbox/unpack.ts';
import { unpackBundle } from '../sandbox/unpack.ts';
import { DiskFullError, isDiskFull } from '../state/disk-full.ts';
import { putTogether } from './put-together.ts';
import { ReleaseError } from './release-error.ts';
import type { ReleaseFolder } from './release-folder.ts';
import { placeFile, syncTree } from './release-folder.ts';
import type { ReleaseExchange } from './shared-release.ts';
import { bringShared } from './shared-release.ts';

const limits: UnpackLimits = { maxBytes: 1_000_000_000, maxEntries: 20_000 };

/** Where its bytes come from. */
export interface ReleaseBlobs {
  /** Returns the file of the whole blob. */
  fetch(grant: BlobGrant, signal: AbortSignal): Promise<string>;
  /** Whether it is whole and right in its file. */
  isHere(blob: BlobRef): Promise<boolean>;
  fileOf(sha256: string): string;
  range(
    grant: BlobGrant,
    part: { readonly offset: number; readonly lengthBytes: number },
    signal: AbortSignal,
  ): Promise<Buffer>;
}

export type ReleaseRoom = Pick<DiskRoom, 'take' | 'trim' | 'isShort'>;

export interface FetchRelease {
  readonly folder: ReleaseFolder;
  readonly target: ReleaseTarget;
  readonly blobs: ReleaseBlobs;
  readonly exchange: ReleaseExchange;
  readonly room: ReleaseRoom;
  /** What allows to fetch the blobs. */
  readonly grants: readonly GrantMessage[];
  readonly signal: AbortSignal;
}

/** Unless it is here. Throws ReleaseError; what came of it is kept for the next try, unless the disk is short. */
export async function fetchRelease(wanted: FetchRelease): Promise<void> {
  const { folder, target } = wanted;
  if (folder.has(target.version)) return;
  const part = `${folder.tarOf(target.version)}.part`;
  try {
    const letGo = await takeRoom(wanted, part);
    try {
      await bringAndUnpack(wanted, part);
    } finally {
      letGo();
    }
  } catch (error) {
    if (isDiskFull(error)) await tidy(wanted, part);
    throw asReleaseError(error, target);
  }
}

/** For what is missing of its tar, and for what is in it. Older versions go first. Throws DiskFullError. */
async function takeRoom(wanted: FetchRelease, part: string): Promise<() => void> {
  const { folder, target, blobs, room } = wanted;
  const { name, version, sha256, sizeBytes } = target;
  const tars = [blobs.fileOf(sha256), `${blobs.fileOf(sha256)}.part`, part, folder.tarOf(version)];
  const hereBytes = (): number => Math.max(...tars.map(blocksOf));
  const coming = [{ key: sha256, sizeBytes: 2 * sizeBytes, hereBytes }];
  const what = `${name} ${version}`;
  return await room.take(what, coming).catch((error: unknown) => {
    if (!isDiskFull(error)) throw error;
    folder.prune(version);
    return room.take(what, coming);
  });
}

/** What came of it may not keep the disk full; where there is room again the next try goes on with it. */
async function tidy({ room, folder, target }: FetchRelease, part: string): Promise<void> {
  await room.trim();
  if (!room.isShort) return;
  for (const file of [part, folder.indexOf(target.version)]) rmSync(file, { force: true });
}

async function bringAndUnpack(wanted: FetchRelease, part: string): Promise<void> {
  const { folder, target } = wanted;
  const { version, serial, sizeBytes } = target;
  const tar = folder.tarOf(version);
  const fetchedBytes = await bring(wanted, part);
  const { facts } = folder;
  const serials = { ...facts.serials, [version]: serial };
  const tars = { ...facts.blobs, [version]: target.sha256 };
  // Before it is there: a version of unknown serial could be replaced by an older one.
  folder.note({ serials, blobs: tars, fetchedBytes, sizeBytes });
  renameSync(part, tar);
  await unpack(wanted, tar);
  folder.prune(version);
}

/** Returns how many bytes came over the line. */
async function bring(wanted: FetchRelease, part: string): Promise<number> {
  const { target, blobs } = wanted;
  const grant = grantOf(wanted, target);
  // It was whole when this agent ended before it was unpacked.
  const isHere = await blobs.isHere(target);
  const shared = isHere ? null : await bringShared(wanted, { grant, to: part });
  if (shared !== null) return shared;
  if (isHere || target.indexSha256 === '') {
    rmSync(part, { force: true });
    placeFile(await blobs.fetch(grant, wanted.signal), part);
  }
  if (target.indexSha256 === '') return target.sizeBytes;
  const fetched = await bringAlone(wanted, { grant, part });
  // What came of it by the exchange, before that ended.
  for (const end of ['part', 'map'])
    rmSync(`${blobs.fileOf(target.sha256)}.${end}`, { force: true });
  return fetched;
}

/** Each chunk that is nowhere on the disk from the origin. */
async function bringAlone(
  wanted: FetchRelease,
  { grant, part }: { readonly grant: BlobGrant; readonly part: string },
): Promise<number> {
  const { folder, target, blobs, signal } = wanted;
  const { sha256, indexSha256, indexBytes, version } = target;
  const own = await blobs.fetch(
    grantOf(wanted, { sha256: indexSha256, sizeBytes: indexBytes }),
    signal,
  );
  const index = readIndex(own, target);
  const exchanged = { tar: `${blobs.fileOf(sha256)}.part`, index: '' };
  const fetched = await putTogether({
    ...{ index, to: part, sha256, sources: [...folder.sources, exchanged] },
    fetch: (run) => blobs.range(grant, run, signal),
  });
  copyFileSync(own, folder.indexOf(version));
  return fetched + indexBytes;
}

function readIndex(file: string, { name, version, sizeBytes }: ReleaseTarget): ChunkIndex {
  const index = decodeIndex(readFileSync(file));
  if (typeof index !== 'string' && indexedBytes(index) === sizeBytes) return index;
  const why = typeof index === 'string' ? index : 'it is of another size';
  throw new ReleaseError('damaged', `${name} ${version}: its index is of no use (${why}).`);
}

async function unpack({ folder, target }: FetchRelease, tar: string): Promise<void> {
  const fresh = join(folder.path, '.new');
  rmSync(fresh, { recursive: true, force: true });
  try {
    await unpackBundle(tar, fresh, limits);
    syncTree(fresh);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (isDiskFull(error)) renameSync(tar, `${tar}.part`);
    else rmSync(tar);
    throw error;
  }
  renameSync(fresh, folder.folderOf(target.version));
  syncTree(folder.folderOf(target.version));
}

function grantOf(
  { grants, target }: FetchRelease,
  blob: { readonly sha256: string; readonly sizeBytes: number },
): BlobGrant {
  const found = grants.find((each) => each.blob?.sha256 === blob.sha256);
  const { sha256, sizeBytes } = blob;
  if (found !== undefined) {
    return { sha256, sizeBytes, capability: found.capability, isShared: found.isShared };
  }
  const { name, version } = target;
  throw new ReleaseError(
    'unknown',
    `${name} ${version}: the right to fetch it did not come with it.`,
  );
}

function asReleaseError(error: unknown, { name, version }: ReleaseTarget): ReleaseError {
  if (error instanceof ReleaseError) return error;
  const why = error instanceof Error ? error.message : String(error);
  // It says itself whose room is wanted.
  if (error instanceof DiskFullError) return new ReleaseError('disk', `${error.message}.`, error);
  const code = isDiskFull(error)
    ? 'disk'
    : error instanceof BlobClientError
      ? 'unreachable'
      : 'damaged';
  return new ReleaseError(code, `${name} ${version}: ${why}`, error);
}

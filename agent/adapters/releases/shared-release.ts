// A version's tar by its site's exchange: what the disk has of it counts as here, and each other chunk crosses the
// uplink once for all nodes of the site.

import { rmSync, writeFileSync } from 'node:fs';
import type { BlobGrant } from '../../core/index.ts';
import type { Update } from '../exchange/open-blob.ts';
import type { SiteExchange } from '../exchange/site-exchange.ts';
import { DiskFullError } from '../state/disk-full.ts';
import type { FetchRelease } from './fetch-release.ts';
import { fillPart } from './known-chunks.ts';
import { ReleaseError } from './release-error.ts';
import { placeFile } from './release-folder.ts';

export type ReleaseExchange = Pick<SiteExchange, 'bringUpdate' | 'offerFile' | 'giveUp'>;

const problems = {
  over: [
    'unreachable',
    'the site exchanges it no more: it is taken up again when the federation says so again',
  ],
  damaged: ['damaged', 'its index does not lead to it: nothing is installed'],
} as const;

/** Returns the bytes that this node took over the uplink; null: the site does not exchange it. Throws ReleaseError and
 * DiskFullError. */
export async function bringShared(
  { folder, target, blobs, exchange, signal }: FetchRelease,
  { grant, to }: { readonly grant: BlobGrant; readonly to: string },
): Promise<number | null> {
  const { name, sha256, indexSha256, version } = target;
  if (indexSha256 === '' || grant.isShared !== true) return null;
  const { sources } = folder;
  const fill: Update['fill'] = (part, index) => fillPart(part, index, sources);
  const brought = await exchange.bringUpdate(grant, { indexSha256, fill }, signal);
  if (brought.kind === 'refused') return null;
  if (brought.kind === 'full')
    throw new DiskFullError(`${name} ${version}: the disk of this node is full`);
  if (brought.kind !== 'whole') {
    const [code, why] = problems[brought.kind];
    throw new ReleaseError(code, `${name} ${version}: ${why}.`);
  }
  rmSync(to, { force: true });
  placeFile(blobs.fileOf(sha256), to);
  writeFileSync(folder.indexOf(version), brought.index);
  return brought.originBytes;
}

/** The tar in the release's folder becomes the one copy. */
export async function offerShared(
  { folder, exchange, blobs }: Pick<FetchRelease, 'folder' | 'exchange' | 'blobs'>,
  version: string,
): Promise<void> {
  const sha256 = folder.facts.blobs[version];
  if (sha256 === undefined) return;
  const [file, index] = [folder.tarOf(version), folder.indexOf(version)];
  const isOffered = await exchange.offerFile({ sha256, file, index });
  if (isOffered) rmSync(blobs.fileOf(sha256), { force: true });
}

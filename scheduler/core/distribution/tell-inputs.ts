// What a task that has not started waits for, in words for its researcher: which blob, how much of it is at its site, over whose line
// the rest comes, and how long that takes.

import { transfersAtATime } from '../limits.ts';
import { bestBundle } from '../model/architecture.ts';
import type { BlobRef } from '../model/job.ts';
import type { LeaseRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave, transfersUnderWay } from '../state.ts';
import { templateOf } from '../services.ts';
import { countOf } from '../words.ts';
import type { Exchange } from './exchange.ts';
import { chunkBytesOf } from './exchange.ts';
import { isExchanged } from './wanted.ts';

/** More would be read by nobody. */
const blobsTold = 3;

interface Named extends BlobRef {
  readonly name: string;
}

/** Sentences, without the last full stop; empty: nothing is known of it. */
export function tellInputs(state: State, lease: LeaseRecord): string {
  const node = mustHave(state.nodes[lease.nodeNumber], 'node', lease.nodeNumber);
  const site = mustHave(state.sites[node.siteNumber], 'site', node.siteNumber);
  const parts = sharedBlobs(state, lease, node)
    .map((blob) => tellBlob(state, { site, node, blob }))
    .filter((text) => text !== '')
    .slice(0, blobsTold);
  const rest = tellTransfer(site, lease);
  return [...parts, ...(rest === '' ? [] : [rest])].join('; ');
}

/** What nodes of its site exchange, and this one needs. */
function sharedBlobs(
  state: State,
  lease: LeaseRecord,
  { inventory }: NodeRecord,
): readonly Named[] {
  const job = state.jobs.get(lease.jobNumber);
  if (job === undefined) return [];
  const { bundles, sharedInputs } = templateOf(job, lease.taskIndex);
  const bundle = bestBundle(inventory.architecture, bundles);
  const program = bundle === undefined ? [] : [{ ...bundle, name: 'its program' }];
  const inputs = sharedInputs.map((input) => ({ ...input, name: `input ${input.path}` }));
  return [...program, ...inputs].filter(isExchanged);
}

interface Told {
  readonly site: SiteRecord;
  readonly node: NodeRecord;
  readonly blob: Named;
}

function tellBlob(state: State, { site, node, blob }: Told): string {
  const { sha256, sizeBytes, name } = blob;
  const what = `${name} (${megabytes(sizeBytes)})`;
  const exchange = state.exchanges.of(site.number, sha256);
  if (exchange === undefined || exchange.members.size === 0)
    return `of ${what} nothing is there yet`;
  const { missing, chunkCount, members } = exchange;
  if (members.get(node.number)?.heldChunks === chunkCount) return '';
  if (missing === 0) return `${what} is at the site, and comes from its nodes`;
  const percent = Math.floor((100 * (chunkCount - missing)) / chunkCount);
  const much = percent === 0 ? 'nothing' : `${percent}%`;
  return `of ${what} ${much} is there, ${tellCarriers(state, site, exchange)}`;
}

function tellCarriers(state: State, site: SiteRecord, exchange: Exchange): string {
  const own = [...site.lanes.down.batches.values()].filter(
    ({ sha256 }) => sha256 === exchange.sha256,
  );
  const all = transfersUnderWay(site.lanes.down);
  if (own.length === 0) {
    return all < transfersAtATime
      ? 'and nobody brings the rest yet'
      : `and the rest waits until one of the ${countOf(all, 'transfer')} on its line has ended`;
  }
  const names = [...new Set(own.map(({ nodeNumber }) => state.nodes[nodeNumber]?.name ?? '?'))];
  const { share, downBps } = site;
  // Those under way have the line in equal parts.
  const bps = (share * downBps * own.length) / all;
  const seconds = Math.ceil((8 * exchange.missing * chunkBytesOf(exchange)) / bps);
  const verb = names.length === 1 ? 'brings' : 'bring';
  return `${names.join(' and ')} ${verb} more over its line, about ${span(seconds)} for the rest`;
}

/** Of what only this task needs, or is too small to be exchanged. */
function tellTransfer({ lanes: { down } }: SiteRecord, { leaseId }: LeaseRecord): string {
  if (down.active.has(leaseId)) return 'what it alone needs comes over the line now';
  const waiting = down.queue.get(leaseId);
  if (waiting === undefined) return '';
  return `${megabytes(waiting.sizeBytes)} that it alone needs wait for a place on the line (${countOf(down.queue.size, 'transfer')} wait, ${transfersUnderWay(down)} go)`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function span(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

// What a node tells of blobs: who takes part in which exchange. Every part may come twice or late.

import { bitmapBytes } from '../../../proto/bitmap.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { BlobPart, Exchange } from './exchange.ts';
import { exchangesPerSite, foreignPerSite, membersPerExchange } from './limits.ts';
import { closed, tellAgain } from './news.ts';
import type { Part } from './news.ts';
import type { Shape } from './wanted.ts';
import { shapeOf } from './wanted.ts';

/** Judges the parts of one message: of each blob the last one, since each tells all. */
export function hearParts(
  state: State,
  parts: readonly BlobPart[],
  { node, now }: { readonly node: NodeRecord; readonly now: Instant },
): Part {
  const heard: Part = { facts: [], effects: [] };
  const { facts, effects } = heard;
  const { number: nodeNumber, siteNumber } = node;
  // Facts are applied when the whole message was judged.
  let opened = 0;
  for (const part of new Map(parts.map((each) => [each.sha256, each])).values()) {
    const open = state.exchanges.of(siteNumber, part.sha256);
    if (part.hasLeft) {
      if (open?.members.has(nodeNumber) === true) {
        facts.push({ kind: 'blobPartHeard', at: now, nodeNumber, part });
      }
      continue;
    }
    const { known, shape } = judge(state, open, { part, now });
    if (shape === null || !isOf(part, shape) || !hasPlace(state, node, { part, shape, opened })) {
      effects.push(closed(node, part.sha256));
      continue;
    }
    if (known === undefined) {
      if (open !== undefined) closeFor(state, open, { nodeNumber, part: heard });
      const { sizeBytes, chunkCount, isForeign } = shape;
      facts.push({
        ...{ kind: 'exchangeOpened', at: now, siteNumber, sha256: part.sha256 },
        ...{ sizeBytes, chunkCount, isForeign },
      });
      opened += 1;
    }
    facts.push({ kind: 'blobPartHeard', at: now, nodeNumber, part });
    const member = known?.members.get(nodeNumber);
    if (known !== undefined && member !== undefined) {
      tellAgain(state, known, { member, part: heard, now });
    }
  }
  return heard;
}

interface Judged {
  /** The exchange that goes on. */
  readonly known: Exchange | undefined;
  readonly shape: Shape | null;
}

/** What a job left behind looks like a package: once a job shares it, it has that one's chunks. */
function judge(
  state: State,
  open: Exchange | undefined,
  { part, now }: { readonly part: BlobPart; readonly now: Instant },
): Judged {
  if (open?.isForeign === false) return { known: open, shape: open };
  const shape = shapeOf(state, part, now);
  if (shape?.isForeign === false) return { known: undefined, shape };
  return { known: open, shape: open ?? shape };
}

/** The others take part again when they hear of it. */
function closeFor(
  state: State,
  { siteNumber, sha256, members }: Exchange,
  { nodeNumber, part }: { readonly nodeNumber: number; readonly part: Part },
): void {
  part.facts.push({ kind: 'exchangeClosed', siteNumber, sha256 });
  for (const number of members.keys()) {
    if (number === nodeNumber) continue;
    part.effects.push(closed(mustHave(state.nodes[number], 'node', number), sha256));
  }
}

function isOf(part: BlobPart, { sizeBytes, chunkCount }: Shape): boolean {
  return part.sizeBytes === sizeBytes && part.held.length <= bitmapBytes(chunkCount);
}

interface Newcomer {
  readonly part: BlobPart;
  readonly shape: Shape;
  /** Exchanges that the same message opens. */
  readonly opened: number;
}

function hasPlace(
  { exchanges }: State,
  { siteNumber, number }: NodeRecord,
  { part, shape, opened }: Newcomer,
): boolean {
  const ofSite = exchanges.bySite.get(siteNumber);
  const known = ofSite?.get(part.sha256);
  if (known !== undefined) {
    return known.members.has(number) || known.members.size < membersPerExchange;
  }
  const open = (ofSite?.size ?? 0) + opened;
  if (!shape.isForeign) return open < exchangesPerSite;
  return countForeign(ofSite?.values() ?? []) + opened < foreignPerSite;
}

function countForeign(exchanges: Iterable<Exchange>): number {
  let count = 0;
  for (const { isForeign } of exchanges) if (isForeign) count += 1;
  return count;
}

// What a node tells of blobs: who takes part in which exchange. Every part may come twice or late.

import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import type { BlobPart, Exchange } from './exchange.ts';
import { bitmapBytes } from './exchange.ts';
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
    const known = state.exchanges.of(siteNumber, part.sha256);
    if (part.hasLeft) {
      if (known?.members.has(nodeNumber) === true) {
        facts.push({ kind: 'blobPartHeard', at: now, nodeNumber, part });
      }
      continue;
    }
    const shape = known ?? shapeOf(state, part, now);
    if (shape === null || !isOf(part, shape) || !hasPlace(state, node, { part, shape, opened })) {
      effects.push(closed(node, part.sha256));
      continue;
    }
    if (known === undefined) {
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

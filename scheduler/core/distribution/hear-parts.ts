// What a node tells of blobs: who takes part in which exchange. Every part may come twice or late.

import { bitmapBytes } from '../../../proto/bitmap.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { BlobPart, Exchange } from './exchange.ts';
import { closed, tellAgain } from './news.ts';
import type { Part } from './news.ts';
import { Places } from './places.ts';
import type { Place } from './places.ts';
import type { Shape } from './wanted.ts';
import { mayHave, shapeOf } from './wanted.ts';

const noPlace: Place = { kind: 'none' };

/** Judges the parts of one message: of each blob the last one, since each tells all. */
export function hearParts(
  state: State,
  parts: readonly BlobPart[],
  { node, now }: { readonly node: NodeRecord; readonly now: Instant },
): Part {
  const heard: Part = { facts: [], effects: [] };
  const { facts, effects } = heard;
  const { number: nodeNumber, siteNumber } = node;
  const places = new Places(state, node);
  for (const part of new Map(parts.map((each) => [each.sha256, each])).values()) {
    const open = state.exchanges.of(siteNumber, part.sha256);
    if (part.hasLeft) {
      if (open?.members.has(nodeNumber) === true) {
        facts.push({ kind: 'blobPartHeard', at: now, nodeNumber, part });
      }
      continue;
    }
    const { known, shape } = judge(state, open, { part, now });
    const isTold =
      shape !== null && isOf(part, shape) && mayJoin(state, known, { node, shape, part, now });
    const place = isTold ? places.take(known, shape.isForeign) : noPlace;
    if (!isTold || place.kind === 'none') {
      effects.push(closed(node, part.sha256));
      continue;
    }
    if (place.kind === 'instead') closeFor(state, place.of, { but: null, part: heard });
    if (known === undefined) {
      if (open !== undefined) closeFor(state, open, { but: nodeNumber, part: heard });
      const { sizeBytes, chunkCount, isForeign, isUpdate } = shape;
      facts.push({
        ...{ kind: 'exchangeOpened', at: now, siteNumber, sha256: part.sha256 },
        ...{ sizeBytes, chunkCount, isForeign, isUpdate },
      });
    }
    facts.push({ kind: 'blobPartHeard', at: now, nodeNumber, part });
    const member = known?.members.get(nodeNumber);
    if (known !== undefined && member !== undefined) {
      tellAgain(state, known, { member, part: heard, now });
    }
  }
  return heard;
}

interface Joining {
  readonly node: NodeRecord;
  readonly shape: Shape;
  readonly part: BlobPart;
  readonly now: Instant;
}

interface Judged {
  /** The exchange that goes on. */
  readonly known: Exchange | undefined;
  readonly shape: Shape | null;
}

/** What a job shares now has that one's chunks, though a node had it as a package. */
function judge(
  state: State,
  open: Exchange | undefined,
  { part, now }: { readonly part: BlobPart; readonly now: Instant },
): Judged {
  if (open?.isForeign === false) return { known: open, shape: open };
  const shape = shapeOf(state, part, now);
  if (shape?.isForeign === false) return { known: undefined, shape };
  return { known: open, shape: shape === null ? null : (open ?? shape) };
}

/** The others take part again when they hear of it. */
function closeFor(
  state: State,
  { siteNumber, sha256, members }: Exchange,
  { but, part }: { readonly but: number | null; readonly part: Part },
): void {
  part.facts.push({ kind: 'exchangeClosed', siteNumber, sha256 });
  for (const number of members.keys()) {
    if (number === but) continue;
    part.effects.push(closed(mustHave(state.nodes[number], 'node', number), sha256));
  }
}

/** Who is a member stays one; a package is nobody's secret. */
function mayJoin(
  state: State,
  known: Exchange | undefined,
  { node, shape, part, now }: Joining,
): boolean {
  if (shape.isForeign || known?.members.has(node.number) === true) return true;
  return mayHave(state, { node, sha256: part.sha256, now });
}

function isOf(part: BlobPart, { sizeBytes, chunkCount, isForeign }: Shape): boolean {
  if (part.sizeBytes !== sizeBytes || part.isForeign !== isForeign) return false;
  return part.held.length <= bitmapBytes(chunkCount);
}

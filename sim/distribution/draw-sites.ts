// The sites of a scenario that brings a release.

import { between, drawsFor } from '../kernel/random.ts';
import type { Draw } from '../kernel/random.ts';
import type { FaultyParts, ReleaseOf } from '../scenario/release-schema.ts';
import type { NodeKind, SiteShape } from './bounds.ts';

/** The first sites of a case with more of them are those of one with fewer. */
export function drawSites(release: ReleaseOf, at: number, seed: number): readonly SiteShape[] {
  const { size, nodes, down, lan, slowLan, request } = release;
  const { sites = 0, faults = {} } = release.cases[at] ?? {};
  const drawLine = drawsFor('uplinks', seed);
  const drawKind = drawsFor('boards', seed);
  return Array.from({ length: sites }, () => ({
    ...{ sizeBytes: Math.max(1, Math.round(size)), downBps: between(drawLine, down) },
    ...{ lanBps: lan, slowLanBps: slowLan, requestMs: request },
    kinds: drawKinds(nodes, faults, drawKind),
  }));
}

/** At least one node is as it should be. */
function drawKinds(nodes: number, faults: FaultyParts, draw: Draw): readonly NodeKind[] {
  const { slow = 0, dying = 0, flipping = 0, claiming = 0 } = faults;
  const parts = [
    ['slow', slow],
    ['dies', dying],
    ['flips', flipping],
    ['claims', claiming],
  ] as const;
  const kinds = Array.from({ length: nodes }, (): NodeKind => {
    let left = draw();
    for (const [kind, part] of parts) {
      if (left < part) return kind;
      left -= part;
    }
    return 'right';
  });
  return kinds.includes('right') ? kinds : ['right', ...kinds.slice(1)];
}

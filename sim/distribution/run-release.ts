// One release, one site, one way: how long it took, against the least time.

import { drawsFor } from '../kernel/random.ts';
import { siteBound } from './bounds.ts';
import type { SiteShape } from './bounds.ts';
import { Site } from './site.ts';
import { Traffic } from './traffic.ts';
import type { Way } from './ways.ts';

export interface ReleaseFigures {
  /** Of the last node and of the median one. */
  readonly lastOverBound: number;
  readonly medianOverBound: number;
  /** Bytes over the uplink. */
  readonly uplinkOverSize: number;
  /** Bytes of messages between nodes and scheduler, and of indexes. */
  readonly controlOverSize: number;
  /** Bytes that came to nodes which had them. */
  readonly wastedOverSize: number;
}

/** @throws {CheckFailed} when a rule was broken. */
export function runRelease(shape: SiteShape, way: Way, seed: number): ReleaseFigures {
  const traffic = new Traffic();
  const site = new Site(traffic, shape);
  way.begin({ site, traffic, seed, draw: drawsFor('releases', seed) });
  traffic.run();
  site.check();
  const bound = siteBound(shape);
  const rising = site.wholeAt.toSorted((one, other) => one - other);
  return {
    lastOverBound: (rising.at(-1) ?? 0) / bound,
    medianOverBound: medianOf(rising) / bound,
    uplinkOverSize: site.uplinkBytes / shape.sizeBytes,
    controlOverSize: site.controlBytes / shape.sizeBytes,
    wastedOverSize: site.wastedBytes / shape.sizeBytes,
  };
}

/** Of numbers in order; 0 of none. */
export function medianOf(rising: readonly number[]): number {
  return rising[Math.floor((rising.length - 1) / 2)] ?? 0;
}

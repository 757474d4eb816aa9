// A release that is arranged at some sites by one scheduler, until all nodes have it.

import { CheckFailed } from '../run/checks.ts';
import { Arranged } from './arranged.ts';
import { originBound } from './bounds.ts';
import { ReleaseScheduler } from './release-scheduler.ts';
import type { Site } from './site.ts';
import type { Traffic } from './traffic.ts';

const sweepMs = 1_000;
/** A release that takes so many times the bound, and ten minutes for the waits of a small one, does not end. */
const patience = 10;
const patienceMs = 600_000;

export interface Arrangement {
  readonly traffic: Traffic;
  readonly sites: readonly Site[];
  readonly seed: number;
  /** Of the origin that they share. */
  readonly originBps: number;
  /** Evenly from 0 up to 1, for the times at which nodes die. */
  readonly draw: () => number;
  /** Told each second of the run, which part of the bytes has come. */
  readonly onPart?: (part: number) => void;
}

/** Starts it: `traffic` brings it to its end. */
export function arrange(arrangement: Arrangement): void {
  const { traffic, sites, seed, originBps, draw, onPart } = arrangement;
  const boundMs =
    1000 *
    originBound(
      sites.map(({ shape }) => shape),
      originBps,
    );
  const scheduler = new ReleaseScheduler(() => traffic.nowMs);
  // By the bound each that is to die has done so.
  const diesAtMs = (): number => draw() * boundMs;
  const arranged = sites.map((site) => new Arranged(site, scheduler, { seed, diesAtMs }));
  for (const { shape, chunkCount } of sites.slice(0, 1)) {
    scheduler.bring({ sizeBytes: shape.sizeBytes, chunkCount });
  }
  for (const each of arranged) each.begin();
  const sweep = (): void => {
    const done = sites.filter(({ isDone }) => isDone).length;
    onPart?.(sites.reduce((sum, { heldPart }) => sum + heldPart, 0) / sites.length);
    if (done === sites.length) return;
    if (traffic.nowMs > patience * boundMs + patienceMs) {
      const left = sites.length - done;
      throw new CheckFailed(
        `at ${left} sites nodes are not whole after ${patience} times the bound and ten minutes`,
      );
    }
    scheduler.sweep();
    traffic.after(sweepMs, sweep);
  };
  sweep();
}

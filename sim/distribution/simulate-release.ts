// One case of a scenario that brings a release, with one seed: every node of every site, in one network.

import { drawsFor } from '../kernel/random.ts';
import { rounded } from '../report/figures/figure.ts';
import { quantilesOf } from '../report/statistics.ts';
import { CheckFailed } from '../run/checks.ts';
import { readRelease } from '../scenario/read.ts';
import { arrange } from './arranged-sites.ts';
import { originBound } from './bounds.ts';
import { drawSites } from './draw-sites.ts';
import { Site } from './site.ts';
import { Traffic } from './traffic.ts';

export interface WantedRelease {
  readonly kind: 'release';
  readonly scenario: string;
  /** Which of its cases. */
  readonly at: number;
  readonly seed: number;
}

export interface ReleaseRun {
  readonly at: number;
  readonly seed: number;
  readonly sites: number;
  /** Nodes, and those of them that are to be whole. */
  readonly nodes: number;
  readonly wanted: number;
  readonly boundSeconds: number;
  readonly lastSeconds: number;
  readonly lastOverBound: number;
  readonly medianOverBound: number;
  /** Of all sites together, for each site: bytes ÷ size of the release. */
  readonly uplinkOverSize: number;
  /** Of the site with the most. */
  readonly mostUplinkOverSize: number;
  readonly controlOverSize: number;
  readonly wastedOverSize: number;
  /** Time ÷ bound after which so many percent of the nodes had all, from 0 to 100. */
  readonly quantiles: readonly number[];
}

/** @throws {CheckFailed} naming the seed, when a rule was broken. */
export function simulateRelease(
  { scenario, at, seed }: WantedRelease,
  onPart: (part: number) => void,
): ReleaseRun {
  const { name, release } = readRelease(scenario);
  const shapes = drawSites(release, at, seed);
  const traffic = new Traffic();
  const origin = traffic.addLine(release.origin);
  const sites = shapes.map((shape) => new Site(traffic, shape, origin));
  const ground = { traffic, sites, seed, originBps: release.origin, onPart };
  try {
    arrange({ ...ground, draw: drawsFor('releases', seed) });
    traffic.run();
    for (const site of sites) site.check();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const when = `after ${Math.round(traffic.nowMs / 1000)} s of simulated time`;
    const where = `scenario ${name}, ${sites.length} sites, seed ${seed}`;
    throw new CheckFailed(`${where}, ${when}: ${what}`, { cause });
  }
  return { at, seed, ...figuresOf(sites, originBound(shapes, release.origin)) };
}

function figuresOf(sites: readonly Site[], bound: number): Omit<ReleaseRun, 'at' | 'seed'> {
  const times = Float64Array.from(sites.flatMap(({ wholeAt }) => wholeAt));
  const quantiles = quantilesOf(times, 100).map((seconds) => rounded(seconds / bound));
  const last = times.at(-1) ?? 0;
  const overSize = (bytesOf: (site: Site) => number): readonly number[] =>
    sites.map((site) => bytesOf(site) / site.shape.sizeBytes);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, each) => sum + each, 0) / values.length;
  const uplinks = overSize(({ uplinkBytes }) => uplinkBytes);
  return {
    sites: sites.length,
    nodes: sites.reduce((sum, { shape }) => sum + shape.kinds.length, 0),
    wanted: times.length,
    boundSeconds: bound,
    lastSeconds: last,
    lastOverBound: last / bound,
    medianOverBound: quantiles[50] ?? 0,
    uplinkOverSize: mean(uplinks),
    mostUplinkOverSize: uplinks.reduce((most, each) => Math.max(most, each), 0),
    controlOverSize: mean(overSize(({ controlBytes }) => controlBytes)),
    wastedOverSize: mean(overSize(({ wastedBytes }) => wastedBytes)),
    quantiles,
  };
}

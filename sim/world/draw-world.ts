// A world from a scenario and a seed: which boards stand at which sites, their lines, and the jobs.
// The same seed gives the same world, whatever runs on it.

import { defaultShare } from '../../scheduler/core/index.ts';
import { between, boundedPareto, drawsFor } from '../kernel/random.ts';
import type { FaultsOf, Scenario } from '../scenario/schema.ts';
import type { SwfJob } from '../scenario/swf.ts';
import type { ChurnSpans } from './churn.ts';
import { drawJobs } from './draw-jobs.ts';
import type { WorldJob } from './draw-jobs.ts';
import { Evenings, ratesOfDay } from './evenings.ts';
import { drawHomeLine, drawPeakPart } from './home-lines.ts';
import type { LineRates } from './home-lines.ts';
import { drawOwners } from './owners.ts';
import type { Owners } from './owners.ts';
import { boardSpread, piModels } from './pi-models.ts';
import type { PiModel } from './pi-models.ts';

/** Sites, nodes and jobs are known by their place in these lists. */
export interface World {
  readonly sites: readonly WorldSite[];
  readonly nodes: readonly WorldNode[];
  readonly jobs: readonly WorldJob[];
  /** Null: nodes are always on. */
  readonly churn: ChurnSpans | null;
  /** Null: lines are the same all day. */
  readonly evenings: Evenings | null;
  /** Null: they let their nodes work always. */
  readonly owners: Owners | null;
  /** What fails beside nodes; null: nothing. */
  readonly faults: FaultsOf | null;
  readonly seed: number;
}

export interface WorldSite extends LineRates {
  /** Of both rates, what the federation may use. */
  readonly share: number;
  /** What the line gives down in peak hours; `downBps`: at all others. */
  readonly peakBps: number;
  readonly nodes: number;
}

export interface WorldNode {
  readonly site: number;
  readonly model: PiModel;
  /** Of one slot of this very board. */
  readonly speedGhz: number;
}

/** A log gives the jobs of a scenario that has none of its own. */
export function drawWorld(scenario: Scenario, seed: number, log: readonly SwfJob[] = []): World {
  const sites = drawSites(scenario, seed);
  const nodes = drawNodes(scenario, seed, sites);
  const churn = scenario.federation.churn ?? null;
  const { startsAt } = scenario.federation.uplinks;
  const faults = scenario.federation.faults ?? null;
  const evenings = startsAt === undefined ? null : new Evenings(startsAt);
  const owners = ownersOf(scenario, seed, sites.length);
  const jobs = drawJobs(scenario, seed, log);
  return { sites, nodes, jobs, churn, evenings, owners, faults, seed };
}

function ownersOf({ federation }: Scenario, seed: number, sites: number): Owners | null {
  const { owners, uplinks } = federation;
  if (owners === undefined) return null;
  return drawOwners(owners, { sites, startsAtMs: uplinks.startsAt ?? 0, seed });
}

function drawSites({ federation }: Scenario, seed: number): readonly WorldSite[] {
  const { nodes, siteSizes, uplinks } = federation;
  const draw = drawsFor('sites', seed);
  const lines = drawLines(uplinks, seed);
  const sites: WorldSite[] = [];
  let left = nodes;
  while (left > 0) {
    // The last one is cut, so that the federation has as many nodes as the scenario says.
    const size = Math.min(left, Math.round(boundedPareto(draw, siteSizes)));
    sites.push({ nodes: size, share: uplinks.share ?? defaultShare, ...lines() });
    left -= size;
  }
  return sites;
}

type Uplinks = Scenario['federation']['uplinks'];

function drawLines(uplinks: Uplinks, seed: number): () => LineRates & { readonly peakBps: number } {
  const { down, upPart, startsAt } = uplinks;
  const draw = drawsFor('uplinks', seed);
  const drawPeak = drawsFor('evenings', seed);
  return () => {
    if (down !== undefined) {
      const downBps = between(draw, down);
      return { downBps, upBps: (upPart ?? 1) * downBps, peakBps: downBps };
    }
    const { technology, downBps: meanBps, upBps } = drawHomeLine(draw);
    const up = upPart === undefined ? upBps : upPart * meanBps;
    if (startsAt === undefined) return { downBps: meanBps, upBps: up, peakBps: meanBps };
    return { ...ratesOfDay(meanBps, drawPeakPart(technology, drawPeak)), upBps: up };
  };
}

function drawNodes(
  { federation }: Scenario,
  seed: number,
  sites: readonly WorldSite[],
): readonly WorldNode[] {
  const draw = drawsFor('boards', seed);
  const weights = Object.entries(federation.models);
  const models = new Map<string, PiModel>(Object.entries(piModels));
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const drawModel = (): PiModel => {
    let place = total * draw();
    const [name] = weights.find(([, weight]) => (place -= weight) < 0) ?? ['pi3b'];
    return models.get(name) ?? piModels.pi3b;
  };
  const nodes: WorldNode[] = [];
  for (const [site, { nodes: size }] of sites.entries()) {
    for (let place = 0; place < size; place += 1) {
      const model = drawModel();
      const factor = between(draw, { from: 1 - boardSpread, to: 1 + boardSpread });
      nodes.push({ site, model, speedGhz: factor * model.speedGhz });
    }
  }
  return nodes;
}

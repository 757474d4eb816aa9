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
import { servicesOf } from './services.ts';
import type { WorldService } from './services.ts';
import { drawTurnover } from './turnover.ts';
import type { Draws, Life } from './turnover.ts';

/** Sites, nodes, jobs and services are known by their place in these lists. */
export interface World {
  readonly sites: readonly WorldSite[];
  readonly nodes: readonly WorldNode[];
  readonly jobs: readonly WorldJob[];
  readonly services: readonly WorldService[];
  /** Null: nodes are always on. */
  readonly churn: ChurnSpans | null;
  /** Null: lines are the same all day. */
  readonly evenings: Evenings | null;
  /** Null: they let their nodes work always. */
  readonly owners: Owners | null;
  /** By node, when it is one of the federation; null: all of them, always. */
  readonly lives: readonly Life[] | null;
  /** Null: boards are as fast as they are, always. */
  readonly throttling: Throttling | null;
  /** What fails beside nodes; null: nothing. */
  readonly faults: FaultsOf | null;
  readonly seed: number;
}

/** Nodes are there and at work all the time, as they were told to be, and hear what they are told. */
export function isSteady({ churn, owners, lives, throttling, faults }: World): boolean {
  return [churn, owners, lives, throttling, faults].every((each) => each === null);
}

export type Throttling = NonNullable<Scenario['federation']['throttling']> & {
  /** Those that are slower at times. */
  readonly nodes: readonly number[];
};

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
  const drawSite = siteDraws(scenario, seed);
  const drawBoard = boardDraws(scenario, seed);
  const homes = drawFirst(scenario.federation.nodes, { drawSite, drawBoard });
  const first = withReserves(homes, scenario, { drawBoard, seed });
  const wanted = scenario.federation.turnover ?? null;
  const turnover =
    wanted === null ? null : drawTurnover(wanted, { ...first, drawSite, drawBoard, seed });
  const { sites, nodes } = turnover ?? first;
  const churn = scenario.federation.churn ?? null;
  const { startsAt } = scenario.federation.uplinks;
  const faults = scenario.federation.faults ?? null;
  const evenings = startsAt === undefined ? null : new Evenings(startsAt);
  const owners = ownersOf(scenario, seed, sites.length);
  const jobs = drawJobs(scenario, seed, { logged: log, firstReserve: homes.sites.length });
  const services = servicesOf(scenario);
  const lives = turnover?.lives ?? null;
  const throttling = throttlingOf(scenario, seed, nodes.length);
  const changes = { churn, evenings, owners, lives, throttling, faults };
  return { sites, nodes, jobs, services, ...changes, seed };
}

function throttlingOf({ federation }: Scenario, seed: number, count: number): Throttling | null {
  const { throttling } = federation;
  if (throttling === undefined) return null;
  const draw = drawsFor('throttling', seed);
  const all = Array.from({ length: count }, (_, node) => node);
  return { ...throttling, nodes: all.filter(() => draw() < throttling.part) };
}

function ownersOf({ federation }: Scenario, seed: number, sites: number): Owners | null {
  const { owners, uplinks } = federation;
  if (owners === undefined) return null;
  return drawOwners(owners, { sites, startsAtMs: uplinks.startsAt ?? 0, seed });
}

function drawFirst(count: number, { drawSite, drawBoard }: Draws) {
  const sites: WorldSite[] = [];
  const nodes: WorldNode[] = [];
  while (nodes.length < count) {
    // The last one is cut, so that the federation has as many nodes as the scenario says.
    const site = drawSite(count - nodes.length);
    for (let place = 0; place < site.nodes; place += 1) nodes.push(drawBoard(sites.length));
    sites.push(site);
  }
  return { sites, nodes };
}

/** Reserves come after all other sites. */
function withReserves(
  homes: ReturnType<typeof drawFirst>,
  { federation: { reserves, uplinks } }: Scenario,
  { drawBoard, seed }: { readonly drawBoard: Draws['drawBoard']; readonly seed: number },
): ReturnType<typeof drawFirst> {
  if (reserves === undefined) return homes;
  const [sites, nodes] = [[...homes.sites], [...homes.nodes]];
  const draw = drawsFor('reserves', seed);
  for (let count = 0; count < reserves.sites; count += 1) {
    for (let place = 0; place < reserves.nodes; place += 1) nodes.push(drawBoard(sites.length));
    const downBps = between(draw, reserves.down);
    const rates = { downBps, peakBps: downBps, upBps: reserves.upPart * downBps };
    sites.push({ ...rates, nodes: reserves.nodes, share: uplinks.share ?? defaultShare });
  }
  return { sites, nodes };
}

/** A site with at most so many nodes; and after another, the next one. */
function siteDraws({ federation }: Scenario, seed: number): Draws['drawSite'] {
  const { siteSizes, uplinks } = federation;
  const draw = drawsFor('sites', seed);
  const lines = drawLines(uplinks, seed);
  return (most) => {
    const nodes = Math.min(most, Math.round(boundedPareto(draw, siteSizes)));
    return { nodes, share: uplinks.share ?? defaultShare, ...lines() };
  };
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

function boardDraws({ federation }: Scenario, seed: number): Draws['drawBoard'] {
  const draw = drawsFor('boards', seed);
  const weights = Object.entries(federation.models);
  const models = new Map<string, PiModel>(Object.entries(piModels));
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const drawModel = (): PiModel => {
    let place = total * draw();
    const [name] = weights.find(([, weight]) => (place -= weight) < 0) ?? ['pi3b'];
    return models.get(name) ?? piModels.pi3b;
  };
  return (site) => {
    const model = drawModel();
    const factor = between(draw, { from: 1 - boardSpread, to: 1 + boardSpread });
    return { site, model, speedGhz: factor * model.speedGhz };
  };
}

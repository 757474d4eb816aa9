// The least time in which anybody could do a world's jobs: makespans are told as so many times that.

import type { Solve } from '../../scheduler/adapters/plan/highs.ts';
import type { Demand, Supply } from '../../scheduler/core/index.ts';
import { aloneSeconds, programOf, sharesOf, wholeTaskSeconds } from '../../scheduler/core/index.ts';
import { firstProgramSeconds } from './first-programs.ts';
import type { RunResult } from '../run/run.ts';
import type { World, WorldSite } from '../world/draw-world.ts';

export interface Bound {
  readonly seconds: number;
  /** What it follows from. */
  readonly from: string;
}

/** Columns of the largest program that is solved for a bound, so that it takes a second: twelve thousand
 * columns took 18 s at 10,000 homes, and gave the same to the twelfth digit. */
const mostColumns = 3_000;
/** Of a site at which no slot was on: nothing, but that the program divides by it. */
const leastGhz = 1e-6;
/** Of a log no two jobs are alike: with more kinds than this they are looked at together. */
const mostDemands = 500;

/**
 * The best of the linear program, in which tasks are divisible like water, and of
 * what whole tasks allow. The largest of bounds is one.
 */
export function boundOf(world: World, solve: Solve): Bound {
  const demands = demandsOf(world);
  const fluid = fluidOf(world, demands, solve);
  const whole = demands.length > mostDemands ? [] : wholeBounds(world, demands);
  const first = {
    seconds: firstProgramSeconds(world, bestDown),
    from: 'all slots, each from when its site can have fetched a program',
  };
  const bounds = [overTheDay(world, fluid), ...whole, first, lastBound(world)];
  return bounds.reduce((most, bound) => (bound.seconds > most.seconds ? bound : most));
}

/**
 * The bound of what was there in a run, in seconds: a node that was off, or not left to the federation, did
 * nothing. Null: all was there, or jobs came over time, so that the last of them says more.
 */
export function availableBoundOf(
  world: World,
  run: Pick<RunResult, 'availability' | 'makespanMs'> & { readonly bound: Bound },
  solve: Solve,
): number | null {
  const { availability, makespanMs, bound } = run;
  if (availability.until(makespanMs) === 1) return null;
  if (world.jobs.some(({ submitMs, after }) => submitMs > 0 || after !== null)) return null;
  const fluid = fluidOf(world, demandsOf(world), solve);
  const { evenings } = world;
  // The run itself did it in its makespan.
  return leastTime({ least: bound.seconds, enough: makespanMs / 1000 }, (seconds) => {
    const ghz = availability.meanGhzUntil(1000 * seconds);
    return fluid({ downOf: meanDown(evenings, seconds), ghzOf: (site) => ghz[site] ?? 0 });
  });
}

/** Rates, over some time. */
interface Rates {
  /** Of a line, down. */
  readonly downOf: DownOf;
  /** Of a site's slots together; absent: all of them. */
  readonly ghzOf?: (site: number) => number;
}

type DownOf = (site: WorldSite) => number;

type Fluid = (rates: Rates) => Bound;

function fluidOf(world: World, demands: readonly Demand[], solve: Solve): Fluid {
  return (rates) =>
    demands.length > mostDemands
      ? summedBound(suppliesOf(world, mostColumns, rates).supplies, demands)
      : fluidBound(suppliesOf(world, demands.length, rates), demands, solve);
}

/** Halvings of the span in which the bound lies: a ten-thousandth of it is left. */
const halvings = 13;

/**
 * Where rates change with time, less than the bound is a time whose own mean rates would take
 * longer. `least` is too short, `enough` is long enough.
 */
function leastTime(
  { least, enough }: { readonly least: number; readonly enough: number },
  withMeans: (seconds: number) => Bound,
): number {
  let [short, long] = [least, enough];
  for (let round = 0; round < halvings; round += 1) {
    const middle = (short + long) / 2;
    if (withMeans(middle).seconds > middle) short = middle;
    else long = middle;
  }
  return short;
}

/** The best rates give a time that is too short, the worst one that is long enough. */
function overTheDay({ evenings }: World, fluid: Fluid): Bound {
  const best = fluid({ downOf: bestDown });
  if (evenings === null) return best;
  const worst = fluid({ downOf: ({ downBps, peakBps }) => Math.min(downBps, peakBps) });
  const seconds = leastTime({ least: best.seconds, enough: worst.seconds }, (until) =>
    fluid({ downOf: meanDown(evenings, until) }),
  );
  return { ...best, seconds };
}

function meanDown(evenings: World['evenings'], seconds: number): DownOf {
  if (evenings === null) return bestDown;
  const part = evenings.peakPart(1000 * seconds);
  return ({ downBps, peakBps }) => downBps + part * (peakBps - downBps);
}

function bestDown({ downBps, peakBps }: WorldSite): number {
  return Math.max(downBps, peakBps);
}

function fluidBound({ supplies, placeOf }: Supplies, born: readonly Demand[], solve: Solve): Bound {
  const demands = born.map((each) => ({ ...each, home: placeOf.get(each.home ?? -1) }));
  const size = { supplies: supplies.length, demands: demands.length };
  const { seconds } = sharesOf(solve(programOf(supplies, demands)), size);
  return { seconds, from: 'the best division of work over slots and uplinks' };
}

/** All that is to do, by all that there is. */
function summedBound([all]: readonly Supply[], demands: readonly Demand[]): Bound {
  const of = (need: (demand: Demand) => number): number =>
    demands.reduce((sum, demand) => sum + demand.tasks * need(demand), 0);
  const { cpuGhz, downBps, upBps } = all ?? { cpuGhz: 0, downBps: 0, upBps: 0 };
  const seconds = Math.max(
    of((demand) => demand.workGhzSeconds) / cpuGhz,
    // Where it was born an input crosses no line.
    of((demand) => (demand.home === undefined ? demand.downBits : 0)) / downBps,
    of((demand) => demand.upBits) / upBps,
  );
  return { seconds, from: 'all work, or all bytes, by all slots and uplinks together' };
}

/** Where jobs come over time, the last one does not end before it has come. */
function lastBound(world: World): Bound {
  const lines = linesOf(world);
  const ends = world.jobs.map((job) => {
    const { after, workGhzSeconds, inputBytes, outputBytes, bundleBytes, home } = job;
    // When one comes that follows another is not known before.
    const submitMs = after === null ? job.submitMs : 0;
    // Where it was born an input is there.
    const downBytes = (home === null ? inputBytes : 0) + bundleBytes;
    const bits = { downBits: 8 * downBytes, upBits: 8 * outputBytes };
    const demand = { tasks: 1, workGhzSeconds, ...bits, fits: null, sharedBits: null };
    return submitMs / 1000 + aloneSeconds(lines, demand);
  });
  return {
    seconds: ends.reduce((most, end) => Math.max(most, end), 0),
    from: 'a task that comes late, alone at its best site',
  };
}

/**
 * Jobs with the same needs are one demand. A site that does a part of a job's tasks fetches its program once,
 * and so no less than that part of it: what keeps the program of the bound linear.
 */
function demandsOf({ jobs }: World): readonly Demand[] {
  const demands = new Map<string, Demand>();
  for (const { tasks, workGhzSeconds, inputBytes, outputBytes, bundleBytes, home } of jobs) {
    const downBytes = inputBytes + (home === null ? bundleBytes / tasks : 0);
    const key = `${workGhzSeconds} ${downBytes} ${outputBytes} ${home}`;
    const more = demands.get(key)?.tasks ?? 0;
    const bits = { downBits: 8 * downBytes, upBits: 8 * outputBytes };
    const all = { tasks: tasks + more, workGhzSeconds, ...bits };
    demands.set(key, { ...all, fits: null, sharedBits: null, home: home ?? undefined });
  }
  return [...demands.values()];
}

/**
 * A site each; or, where these would be too many, sites next to each other by their ratio in one.
 * What sites can do together is no less than what they can do apart, so that it stays a bound. Where data is born is a
 * site of its own.
 */
function suppliesOf(world: World, demands: number, { downOf, ghzOf }: Rates): Supplies {
  const { sites, jobs } = world;
  const ghz = ghzOf === undefined ? allGhz(world) : sites.map((_, site) => ghzOf(site));
  const idle = { workGhzSeconds: 0, downBits: 0, upBits: 0 };
  const all = sites.map((site, index): Supply => {
    const { upBps, share } = site;
    const rates = { downBps: share * downOf(site), upBps: share * upBps };
    return { cpuGhz: Math.max(ghz[index] ?? 0, leastGhz), ...rates, ...idle };
  });
  const homes = [...new Set(jobs.flatMap(({ home }) => home ?? []))];
  const groups = homes.flatMap((home) => all[home] ?? []);
  const others = all.filter((_, site) => !homes.includes(site));
  others.sort((a, b) => a.downBps / a.cpuGhz - b.downBps / b.cpuGhz);
  const perGroup = Math.ceil((others.length * demands) / mostColumns);
  for (let first = 0; first < others.length; first += perGroup) {
    groups.push(others.slice(first, first + perGroup).reduce(together));
  }
  return { supplies: groups, placeOf: new Map(homes.map((home, place) => [home, place])) };
}

function allGhz({ sites, nodes }: World): Float64Array {
  const ghz = new Float64Array(sites.length);
  for (const { site, model, speedGhz } of nodes) {
    ghz[site] = (ghz[site] ?? 0) + model.slots * speedGhz;
  }
  return ghz;
}

interface Supplies {
  readonly supplies: readonly Supply[];
  /** Of each site where data is born, the supply that it is. */
  readonly placeOf: ReadonlyMap<number, number>;
}

function together(one: Supply, other: Supply): Supply {
  return {
    ...one,
    cpuGhz: one.cpuGhz + other.cpuGhz,
    downBps: one.downBps + other.downBps,
    upBps: one.upBps + other.upBps,
  };
}

function wholeBounds(world: World, demands: readonly Demand[]): readonly Bound[] {
  const kinds = world.nodes.map(({ model, speedGhz }) => ({ slots: model.slots, speedGhz }));
  const lines = linesOf(world);
  return demands.flatMap((demand) => [
    { seconds: wholeTaskSeconds(kinds, demand), from: 'whole tasks on whole slots' },
    { seconds: aloneSeconds(lines, atHome(demand)), from: 'one task, alone at its best site' },
  ]);
}

/** Its input is there. */
function atHome(demand: Demand): Demand {
  return demand.home === undefined ? demand : { ...demand, downBits: 0 };
}

interface Line {
  readonly downBps: number;
  readonly upBps: number;
  readonly fastestGhz: number;
}

/** Of all sites those that no other one is as good as in everything: a few of any number. */
function linesOf({ sites, nodes }: World): readonly Line[] {
  const fastest = new Float64Array(sites.length);
  for (const { site, speedGhz } of nodes) fastest[site] = Math.max(fastest[site] ?? 0, speedGhz);
  const lines = sites.map((site, index): Line => {
    const rates = { downBps: site.share * bestDown(site), upBps: site.share * site.upBps };
    return { ...rates, fastestGhz: fastest[index] ?? 0 };
  });
  lines.sort((a, b) => b.fastestGhz - a.fastestGhz);
  const best: Line[] = [];
  for (const line of lines) {
    const isBeaten = best.some((it) => it.downBps >= line.downBps && it.upBps >= line.upBps);
    if (!isBeaten) best.push(line);
  }
  return best;
}

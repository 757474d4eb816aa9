// The network model beside SimGrid, on the same cases: CPU time of solving, start-up of both left out,
// and the end of each flow compared.

import { ratesFromScratch } from '../test/sim/network/from-scratch.ts';
import type { FlowCase } from '../sim/network/flow-case.ts';
import { buildFlowCase, runFlowCase } from '../sim/network/run-flow-case.ts';
import type { Benchmark, Figure, Outcome, Size } from './figure.ts';
import { quantileOf } from './figure.ts';
import type { Family } from './flow-cases.ts';
import { makeFlowCase } from './flow-cases.ts';
import { tellPhase } from './progress.ts';
import type { Solution } from './simgrid.ts';
import { hasSimgrid, solveBySimgrid } from './simgrid.ts';

type Kind = Pick<Family, 'load' | 'hasCross'>;

interface Trial extends Kind {
  readonly sites: number;
  readonly nodesPerSite: number;
  readonly flows: number;
  readonly rounds: number;
  /** SimGrid would take hours. */
  readonly isAlone?: boolean;
}

const seed = 20_261_126;
/** What every flow's end may differ from the baseline's. */
const closeSeconds = 1e-6;

const loads: readonly Kind[] = [
  { load: 0.6, hasCross: true },
  { load: 0.9, hasCross: true },
];
const burst: Kind = { load: 'burst', hasCross: true };
const burstInside: Kind = { load: 'burst', hasCross: false };

const small = { sites: 10, nodesPerSite: 100, flows: 1_000, rounds: 9 };
const medium = { sites: 100, nodesPerSite: 100, flows: 10_000, rounds: 5 };
const large = { sites: 100, nodesPerSite: 100, flows: 100_000, rounds: 1 };
const wide = { sites: 300, nodesPerSite: 10, flows: 30_000, rounds: 1 };
const widest = { sites: 1_000, nodesPerSite: 10, flows: 100_000, rounds: 3, isAlone: true };

const trials: Readonly<Record<Size, readonly Trial[]>> = {
  full: [
    ...[...loads, burst, burstInside].map((kind) => ({ ...small, ...kind })),
    ...[...loads, burstInside].map((kind) => ({ ...medium, ...kind })),
    // SimGrid takes a minute or two for one.
    { ...medium, ...burst, rounds: 1 },
    ...loads.map((kind) => ({ ...large, ...kind })),
    { ...wide, ...burstInside },
    { ...widest, ...burst },
  ],
  tiny: [...loads, burst, burstInside].map((kind) => ({
    ...{ sites: 3, nodesPerSite: 4, flows: 60, rounds: 1 },
    ...kind,
  })),
};

export const flows: Benchmark = {
  name: 'flows',
  about: 'max-min fair shares of 1,000 to 100,000 flows, beside SimGrid; each flow ends alike',
  async run(size: Size): Promise<Outcome> {
    // The first runs are slow, until V8 has compiled what they use: start-up, told once.
    const warmUp = makeFlowCase({ ...small, ...burst, seed: seed + 1 });
    const [first = 0] = Array.from({ length: 5 }, () => solve(warmUp).cpuMs);
    const figures: Figure[] = [
      { what: `the first run of the process: ${nameOf({ ...small, ...burst })}`, ...inMs([first]) },
    ];
    let sum = 0;
    for (const trial of trials[size]) {
      const flowCase = makeFlowCase({ ...trial, seed });
      const baseline = baselineOf(trial, size);
      tellPhase(`${nameOf(trial)}${baseline === undefined ? '' : `, ${baseline.what} too`}`);
      const [own, theirs] = [[] as number[], [] as number[]];
      for (let round = 0; round < trial.rounds; round += 1) {
        const { cpuMs, finish } = solve(flowCase);
        own.push(cpuMs);
        if (round === 0) sum += Array.from(finish).reduce((total, at) => total + at, 0);
        const other = await baseline?.solve(flowCase);
        if (other === undefined) continue;
        theirs.push(other.cpuMs);
        compare(nameOf(trial), finish, other.finish);
      }
      figures.push(figureOf(trial, own, baseline && { what: baseline.what, values: theirs }));
    }
    return { figures, digest: `the ends of all flows together ${sum.toFixed(3)} s` };
  },
};

interface Baseline {
  readonly what: string;
  readonly solve: (flowCase: FlowCase) => Solution | Promise<Solution>;
}

/** SimGrid; in the tests, and where it is not installed, all rates anew at each event. */
function baselineOf({ isAlone, flows }: Trial, size: Size): Baseline | undefined {
  if (isAlone === true) return undefined;
  if (size === 'full' && hasSimgrid()) return { what: 'SimGrid', solve: solveBySimgrid };
  return flows > 1_000 ? undefined : { what: 'from scratch', solve: solveFromScratch };
}

function solve(flowCase: FlowCase): Solution {
  const run = buildFlowCase(flowCase);
  const before = process.cpuUsage();
  const finish = runFlowCase(run);
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000, finish };
}

function solveFromScratch(flowCase: FlowCase): Solution {
  const { starts, bytes, paths, capacities } = buildFlowCase(flowCase);
  const before = process.cpuUsage();
  const finish = new Float64Array(starts.length);
  const waiting = Array.from(starts.keys()).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  let active: { readonly place: number; left: number }[] = [];
  for (let now = 0; active.length > 0 || waiting.length > 0;) {
    const rates = ratesFromScratch(
      capacities,
      active.map(({ place }) => paths[place] ?? []),
    );
    const start = starts[waiting[0] ?? -1] ?? Infinity;
    const ends = active.map(({ left }, index) => now + left / (rates[index] ?? 0));
    const next = ends.reduce((least, end) => Math.min(least, end), start);
    for (const [index, flow] of active.entries()) flow.left -= (rates[index] ?? 0) * (next - now);
    now = next;
    for (const [index, end] of ends.entries()) {
      if (end <= now) finish[active[index]?.place ?? -1] = now;
    }
    active = active.filter((_, index) => (ends[index] ?? 0) > now);
    while ((starts[waiting[0] ?? -1] ?? Infinity) <= now) {
      const place = waiting.shift() ?? -1;
      active.push({ place, left: bytes[place] ?? 0 });
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000, finish };
}

function compare(what: string, own: ArrayLike<number>, theirs: ArrayLike<number>): void {
  for (let flow = 0; flow < own.length; flow += 1) {
    const [at = Number.NaN, other = Number.NaN] = [own[flow], theirs[flow]];
    if (Math.abs(at - other) <= closeSeconds) continue;
    throw new Error(`${what}: flow ${flow} ends at ${at} s here, at ${other} s in the baseline`);
  }
}

function figureOf(trial: Trial, values: readonly number[], baseline: Figure['baseline']): Figure {
  const figure = { what: nameOf(trial), ...inMs(values) };
  if (baseline === undefined) return figure;
  // No slower than twice SimGrid below 10,000 flows, faster from there on.
  const factor = trial.flows < 10_000 ? 2 : 1;
  const wanted = { atMost: factor * quantileOf(baseline.values, 0.5) };
  return { ...figure, baseline, ...(baseline.what === 'SimGrid' && { wanted }) };
}

function inMs(values: readonly number[]): Pick<Figure, 'unit' | 'values'> {
  return { unit: 'ms', values };
}

function nameOf({ flows, sites, nodesPerSite, load, hasCross }: Trial): string {
  const when = load === 'burst' ? 'all at once' : `load ${load}`;
  const where = `${sites.toLocaleString('en-US')}×${nodesPerSite}`;
  const cross = hasCross ? '' : ', none between sites';
  return `${flows.toLocaleString('en-US')} flows, ${where}, ${when}${cross}`;
}

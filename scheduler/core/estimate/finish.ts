// When tasks will have ended: a fluid estimate. Each site works at the rate of its slots and of its
// uplink, tasks are divided like water, and what its CPUs and its line have in hand comes first. Real
// tasks are whole and slots differ, so that the truth is later rather than earlier.

export interface SiteRate {
  /** Of the slots that fit. */
  readonly cpuGhz: number;
  /** Of the fastest of them. */
  readonly slotGhz: number;
  /** Of the shared part of the uplink. */
  readonly downBps: number;
  readonly upBps: number;
  // What comes before.
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
}

export interface Demand {
  readonly tasks: number;
  // Of one task.
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
  /** Once for each site. */
  readonly sharedBits: number;
}

export type BoundBy = 'cpu' | 'uplink down' | 'uplink up' | 'nothing fits';

export interface Finish {
  /** Infinity when nothing fits. */
  readonly seconds: number;
  readonly boundBy: BoundBy;
}

/** Fine enough for people: of a span of a day, some milliseconds. */
const halvings = 50;
/** Over 30,000 years. */
const never = 1e12;

/** The least time after which the sites can have done all tasks, and what keeps it from being less. */
export function finishOf(sites: readonly SiteRate[], demand: Demand): Finish {
  const able = sites.filter((site) => site.cpuGhz > 0);
  if (able.length === 0) return { seconds: Number.POSITIVE_INFINITY, boundBy: 'nothing fits' };
  const isDone = (seconds: number): boolean => {
    let tasks = 0;
    for (const site of able) tasks += doneBy(site, demand, seconds).tasks;
    return tasks >= demand.tasks * (1 - 1e-9);
  };
  let [early, late] = [0, 1];
  while (!isDone(late) && late < never) late *= 2;
  for (let each = 0; each < halvings; each += 1) {
    const middle = (early + late) / 2;
    if (isDone(middle)) late = middle;
    else early = middle;
  }
  // No task is faster than alone at the best site.
  const alone = Math.min(...able.map((site) => aloneAt(site, demand)));
  return { seconds: Math.max(late, alone), boundBy: boundOf(able, demand, late) };
}

/** How many tasks the site has done by then, and what keeps it from more. */
function doneBy(
  site: SiteRate,
  demand: Demand,
  seconds: number,
): { readonly tasks: number; readonly boundBy: BoundBy } {
  const downBits = site.downBps * seconds - site.downBits - demand.sharedBits;
  const cpu = part(site.cpuGhz * seconds - site.workGhzSeconds, demand.workGhzSeconds);
  const down = part(downBits, demand.downBits);
  const up = part(site.upBps * seconds - site.upBits, demand.upBits);
  const link = down <= up ? 'uplink down' : 'uplink up';
  const least = Math.min(cpu, down, up);
  return { tasks: Math.max(0, least), boundBy: cpu <= least ? 'cpu' : link };
}

/** What is free for how many; a need of nothing is never what binds. */
function part(free: number, each: number): number {
  if (each > 0) return free / each;
  return free >= 0 ? Number.POSITIVE_INFINITY : 0;
}

function aloneAt(site: SiteRate, demand: Demand): number {
  const fetching = (demand.sharedBits + demand.downBits) / site.downBps;
  return fetching + demand.workGhzSeconds / site.slotGhz + demand.upBits / site.upBps;
}

/** What binds the sites that do most of it. */
function boundOf(sites: readonly SiteRate[], demand: Demand, seconds: number): BoundBy {
  const tasks = new Map<BoundBy, number>();
  for (const site of sites) {
    const done = doneBy(site, demand, seconds);
    tasks.set(done.boundBy, (tasks.get(done.boundBy) ?? 0) + done.tasks);
  }
  const [first = ['cpu', 0] as const] = [...tasks].sort((a, b) => b[1] - a[1]);
  return first[0];
}

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

/** Finer than any estimate: of a day, a second. */
const precision = 1e-5;
/** Over 30,000 years. */
const never = 1e12;

/** The least time after which the sites can have done all tasks, and what keeps it from being less. */
export function finishOf(sites: readonly SiteRate[], demand: Demand): Finish {
  const able = sites.filter((site) => site.cpuGhz > 0);
  if (able.length === 0) return { seconds: Number.POSITIVE_INFINITY, boundBy: 'nothing fits' };
  const isDone = (seconds: number): boolean => {
    let tasks = 0;
    for (const site of able) tasks += tasksBy(site, demand, seconds);
    return tasks >= demand.tasks * (1 - 1e-9);
  };
  const cpuGhz = able.reduce((sum, site) => sum + site.cpuGhz, 0);
  let early = (demand.tasks * demand.workGhzSeconds) / cpuGhz;
  let late = Math.max(early, 1);
  while (!isDone(late) && late < never) {
    early = late;
    late *= 2;
  }
  while (late - early > precision * late) {
    const middle = (early + late) / 2;
    if (isDone(middle)) late = middle;
    else early = middle;
  }
  // No task is faster than alone at the best site.
  const alone = able
    .map((site) => aloneAt(site, demand))
    .reduce((best, each) => (each.seconds < best.seconds ? each : best));
  return alone.seconds > late ? alone : { seconds: late, boundBy: boundOf(able, demand, early) };
}

/** How many tasks the site has done by then. Numbers only: it is asked some 30 times for each site. */
function tasksBy(site: SiteRate, demand: Demand, seconds: number): number {
  const cpu = part(site.cpuGhz * seconds - site.workGhzSeconds, demand.workGhzSeconds);
  const up = part(site.upBps * seconds - site.upBits, demand.upBits);
  return Math.max(0, Math.min(cpu, fetchedBy(site, demand, seconds), up));
}

function fetchedBy(site: SiteRate, demand: Demand, seconds: number): number {
  const free = site.downBps * seconds - site.downBits - demand.sharedBits;
  return free < 0 && demand.sharedBits > 0 ? 0 : part(free, demand.downBits);
}

/** What keeps the site from more. */
function limitOf(site: SiteRate, demand: Demand, seconds: number): BoundBy {
  const cpu = part(site.cpuGhz * seconds - site.workGhzSeconds, demand.workGhzSeconds);
  const tasks = tasksBy(site, demand, seconds);
  if (cpu <= tasks) return 'cpu';
  const up = part(site.upBps * seconds - site.upBits, demand.upBits);
  return up <= tasks ? 'uplink up' : 'uplink down';
}

/** What is free for how many; a need of nothing is never what binds. */
function part(free: number, each: number): number {
  return each > 0 ? free / each : Number.POSITIVE_INFINITY;
}

function aloneAt(site: SiteRate, demand: Demand): Finish {
  return inTurn({
    down: (demand.sharedBits + demand.downBits) / site.downBps,
    cpu: demand.workGhzSeconds / site.slotGhz,
    up: demand.upBits / site.upBps,
  });
}

/** One after the other; the longest binds. */
export function inTurn({ down, cpu, up }: Readonly<Record<'down' | 'cpu' | 'up', number>>): Finish {
  const most = Math.max(down, cpu, up);
  const link = most === up ? 'uplink up' : 'uplink down';
  return { seconds: down + cpu + up, boundBy: most === cpu ? 'cpu' : link };
}

/** What binds the sites that do most of it, just before all is done. */
function boundOf(sites: readonly SiteRate[], demand: Demand, seconds: number): BoundBy {
  const tasks = new Map<BoundBy, number>();
  for (const site of sites) {
    const limit = limitOf(site, demand, seconds);
    tasks.set(limit, (tasks.get(limit) ?? 0) + tasksBy(site, demand, seconds));
  }
  const [first = ['cpu', 0] as const] = [...tasks].sort((a, b) => b[1] - a[1]);
  return first[0];
}

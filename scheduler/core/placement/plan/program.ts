// The linear program of the plan: the least time in which groups of sites can do all that waits, with
// tasks as divisible as water, and how many of each class each group does. Also the bound that
// reports hold a schedule against: without shared bits no schedule is quicker.

import { mustHave } from '../../state.ts';

/** A plan keeps lines and CPUs below this part of its time, where it takes no longer for that. */
const easyPart = 0.7;
/** Seconds of the plan that one second over it may cost, at all sites together: next to nothing. */
const overCost = 0.003;

/** A group of sites: what it can do, and what it has in hand. */
export interface Supply {
  readonly cpuGhz: number;
  readonly downBps: number;
  readonly upBps: number;
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
}

/** A class of tasks: how many, and what one of them needs. */
export interface Demand {
  readonly tasks: number;
  readonly workGhzSeconds: number;
  readonly downBits: number;
  readonly upBits: number;
  /** The part of each supply's CPU that fits; null: all of all. */
  readonly fits: readonly number[] | null;
  /** Bits down that a task costs more at each supply, its part of what tasks share; null: none. */
  readonly sharedBits: readonly number[] | null;
  /** The supply where its bits down were born: there they cost nothing, elsewhere that supply's line up as well; absent: none. */
  readonly home?: number | undefined;
}

/** Minimise the columns by their costs; every column is at least 0. Sparse rows, as solvers take them. */
export interface LinearProgram {
  readonly costs: readonly number[];
  readonly starts: readonly number[];
  readonly indices: readonly number[];
  readonly values: readonly number[];
  readonly lower: readonly number[];
  readonly upper: readonly number[];
}

export interface Solution {
  readonly columns: readonly number[];
  /** How much the least value changes with each row's limit. */
  readonly rowDuals: readonly number[];
}

/** How many tasks of each class each supply does, and how long all of it takes. */
export interface Shares {
  readonly seconds: number;
  /** By demand, then by supply. */
  readonly tasks: readonly (readonly number[])[];
}

/** What a supply has of each resource, and what of it a task needs. */
interface Resource {
  readonly rateOf: (supply: Supply) => number;
  readonly inHandOf: (supply: Supply) => number;
  readonly needOf: (demand: Demand, supply: number) => number;
  /** What was born at a supply crosses this line when it is wanted elsewhere. */
  readonly isOfRelays?: true;
}

/** In the order of the program's rows. */
const resources: readonly [Resource, Resource, Resource] = [
  {
    rateOf: ({ cpuGhz }) => cpuGhz,
    inHandOf: ({ workGhzSeconds }) => workGhzSeconds,
    needOf: ({ workGhzSeconds }) => workGhzSeconds,
  },
  {
    rateOf: ({ downBps }) => downBps,
    inHandOf: ({ downBits }) => downBits,
    needOf: downBitsOf,
  },
  {
    rateOf: ({ upBps }) => upBps,
    inHandOf: ({ upBits }) => upBits,
    needOf: ({ upBits }) => upBits,
    isOfRelays: true,
  },
];

const [cpu] = resources;

/** A program in the making: column 0 is the time; then one for each demand and supply, demand by demand. */
class Program {
  readonly supplies: readonly Supply[];
  readonly demands: readonly Demand[];
  readonly costs: number[];
  readonly #starts: number[] = [0];
  readonly #indices: number[] = [];
  readonly #values: number[] = [];
  readonly #lower: number[] = [];
  readonly #upper: number[] = [];

  constructor(supplies: readonly Supply[], demands: readonly Demand[]) {
    this.supplies = supplies;
    this.demands = demands;
    this.costs = [1, ...new Array<number>(demands.length * supplies.length).fill(0)];
  }

  get made(): LinearProgram {
    const [starts, indices, values] = [this.#starts, this.#indices, this.#values];
    return { costs: this.costs, starts, indices, values, lower: this.#lower, upper: this.#upper };
  }

  column(demand: number, supply: number): number {
    return 1 + demand * this.supplies.length + supply;
  }

  add(column: number, value: number): void {
    if (value === 0) return;
    this.#indices.push(column);
    this.#values.push(value);
  }

  end(lower: number, upper: number): void {
    this.#starts.push(this.#indices.length);
    this.#lower.push(lower);
    this.#upper.push(upper);
  }

  /** Begins the row in which the seconds that the supply's tasks need of a resource stand. Divided by its
   * rate, so that all are in seconds: solvers like numbers of one size. */
  addUse(supply: number, { rateOf, needOf, isOfRelays }: Resource): void {
    const rate = rateOf(mustHave(this.supplies[supply], 'supply', supply));
    for (const [k, demand] of this.demands.entries()) {
      if (partOf(demand.fits, supply) > 0) {
        this.add(this.column(k, supply), needOf(demand, supply) / rate);
      }
      if (isOfRelays === true && demand.home === supply) this.#addRelays(k, demand, rate);
    }
  }

  #addRelays(k: number, { fits, downBits, home }: Demand, rate: number): void {
    for (const s of this.supplies.keys()) {
      if (s !== home && partOf(fits, s) > 0) this.add(this.column(k, s), downBits / rate);
    }
  }

  /** Ends it: what it has in hand takes its time as well. */
  endUse(supply: number, { rateOf, inHandOf }: Resource): void {
    const of = mustHave(this.supplies[supply], 'supply', supply);
    this.end(Number.NEGATIVE_INFINITY, -inHandOf(of) / rateOf(of));
  }
}

/**
 * The program of the bound. Rows: one a demand, then three a supply (CPU, down, up), then those of tasks
 * that fit only a part of a supply.
 */
export function programOf(supplies: readonly Supply[], demands: readonly Demand[]): LinearProgram {
  return leastTime(supplies, demands).made;
}

/**
 * The program of the plan. Most have many solutions that take as long, and solvers give one in a corner:
 * some lines are full to the last bit, so that each delay on them leaves slots idle, and others carry nothing. Of all
 * solutions this takes one in which no line, and no site's CPUs, are busy for more than a part of the time, as far as
 * that can be had: what is over is a column of its own, which costs, by the CPU of the supply.
 *
 * @param wholeWork GHz·s that each supply can do in whole tasks until the end; what is over costs as much as the
 *   time that the supply would need for it, so that the least time may be longer. Null: whole tasks do not matter yet.
 */
export function easedProgramOf(
  supplies: readonly Supply[],
  demands: readonly Demand[],
  wholeWork: readonly number[] | null = null,
): LinearProgram {
  const program = leastTime(supplies, demands);
  const allGhz = supplies.reduce((sum, { cpuGhz }) => sum + cpuGhz, 0);
  for (const [s, { cpuGhz }] of supplies.entries()) {
    for (const resource of resources) {
      program.add(0, -easyPart);
      program.addUse(s, resource);
      program.add(program.costs.length, -1);
      program.costs.push((overCost * cpuGhz) / allGhz);
      program.endUse(s, resource);
    }
    if (wholeWork === null) continue;
    program.addUse(s, cpu);
    program.add(program.costs.length, -1);
    program.costs.push(1);
    program.end(Number.NEGATIVE_INFINITY, (wholeWork[s] ?? 0) / cpuGhz);
  }
  return program.made;
}

function leastTime(supplies: readonly Supply[], demands: readonly Demand[]): Program {
  const program = new Program(supplies, demands);
  for (const [k, { tasks, fits }] of demands.entries()) {
    for (const s of supplies.keys()) if (partOf(fits, s) > 0) program.add(program.column(k, s), 1);
    program.end(tasks, tasks);
  }
  for (const s of supplies.keys()) {
    for (const resource of resources) {
      program.add(0, -1);
      program.addUse(s, resource);
      program.endUse(s, resource);
    }
  }
  for (const [k, { fits, workGhzSeconds }] of demands.entries()) {
    for (const [s, { cpuGhz }] of supplies.entries()) {
      const part = partOf(fits, s);
      if (part === 0 || part === 1) continue;
      program.add(0, -1);
      program.add(program.column(k, s), workGhzSeconds / (part * cpuGhz));
      program.end(Number.NEGATIVE_INFINITY, 0);
    }
  }
  return program;
}

function partOf(fits: readonly number[] | null, supply: number): number {
  return fits === null ? 1 : (fits[supply] ?? 0);
}

export function downBitsOf({ downBits, sharedBits, home }: Demand, supply: number): number {
  return (home === supply ? 0 : downBits) + (sharedBits?.[supply] ?? 0);
}

export function sharesOf(
  { columns }: Solution,
  { supplies, demands }: { readonly supplies: number; readonly demands: number },
): Shares {
  const tasks = Array.from({ length: demands }, (_, k) =>
    columns.slice(1 + k * supplies, 1 + (k + 1) * supplies),
  );
  return { seconds: columns[0] ?? 0, tasks };
}

// The linear program of the plan: the least time in which groups of sites can do all that waits, with
// tasks as divisible as water, and how many of each class each group does. Also the bound that
// reports hold a schedule against: without shared bits no schedule is quicker.

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
}

/** Minimise the first column; every column is at least 0. Sparse rows, as solvers take them. */
export interface LinearProgram {
  readonly columns: number;
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

class Rows {
  readonly starts: number[] = [0];
  readonly indices: number[] = [];
  readonly values: number[] = [];
  readonly lower: number[] = [];
  readonly upper: number[] = [];

  add(column: number, value: number): void {
    if (value === 0) return;
    this.indices.push(column);
    this.values.push(value);
  }

  end(lower: number, upper: number): void {
    this.starts.push(this.indices.length);
    this.lower.push(lower);
    this.upper.push(upper);
  }
}

/**
 * Column 0 is the time; then one for each demand and supply, demand by demand. Rows: one a demand,
 * then three a supply (CPU, down, up), then those of tasks that fit only a part of a supply. What is
 * limited by a rate is divided by it, so that all are in seconds: solvers like numbers of one size.
 */
export function programOf(supplies: readonly Supply[], demands: readonly Demand[]): LinearProgram {
  const rows = new Rows();
  const column = (demand: number, supply: number): number => 1 + demand * supplies.length + supply;
  for (const [k, { tasks, fits }] of demands.entries()) {
    for (const s of supplies.keys()) if (partOf(fits, s) > 0) rows.add(column(k, s), 1);
    rows.end(tasks, tasks);
  }
  for (const [s, supply] of supplies.entries()) {
    const limit = (need: (demand: Demand) => number, rate: number, inHand: number): void => {
      rows.add(0, -1);
      for (const [k, demand] of demands.entries()) {
        if (partOf(demand.fits, s) > 0) rows.add(column(k, s), need(demand) / rate);
      }
      rows.end(Number.NEGATIVE_INFINITY, -inHand / rate);
    };
    limit((demand) => demand.workGhzSeconds, supply.cpuGhz, supply.workGhzSeconds);
    limit((demand) => downBitsOf(demand, s), supply.downBps, supply.downBits);
    limit((demand) => demand.upBits, supply.upBps, supply.upBits);
  }
  for (const [k, { fits, workGhzSeconds }] of demands.entries()) {
    for (const [s, { cpuGhz }] of supplies.entries()) {
      const part = partOf(fits, s);
      if (part === 0 || part === 1) continue;
      rows.add(0, -1);
      rows.add(column(k, s), workGhzSeconds / (part * cpuGhz));
      rows.end(Number.NEGATIVE_INFINITY, 0);
    }
  }
  const { starts, indices, values, lower, upper } = rows;
  const columns = 1 + demands.length * supplies.length;
  return { columns, starts, indices, values, lower, upper };
}

function partOf(fits: readonly number[] | null, supply: number): number {
  return fits === null ? 1 : (fits[supply] ?? 0);
}

export function downBitsOf({ downBits, sharedBits }: Demand, supply: number): number {
  return downBits + (sharedBits?.[supply] ?? 0);
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

// One size of the benchmark of placement, in a process of its own: its memory is measured, too. Ends
// and placements take turns, so that as many slots stay taken.

import { strict as assert } from 'node:assert';
import type { State } from '../scheduler/core/index.ts';
import { balance } from '../scheduler/core/placement/policies/balance.ts';
import { apply, decide, instant } from '../scheduler/core/index.ts';
import { isSuited, refuseSuited } from '../scheduler/core/placement/filter.ts';
import type { Fit } from '../scheduler/core/placement/open/kind.ts';
import { fitOf } from '../scheduler/core/placement/open/kind.ts';
import { closed, idle } from '../scheduler/core/placement/open/open-nodes.ts';
import { endedRowLength } from '../scheduler/core/rows.ts';
import type { JobRecord } from '../scheduler/core/state.ts';
import { mustHave } from '../scheduler/core/state.ts';
import { FullScan } from './placement-scan.ts';
import { fillSlots, needs, nodesOnly, submit } from './placement-world.ts';

export interface Trial {
  readonly nodes: number;
  /** Part of the slots that is taken. */
  readonly full: number;
  /** Placements that are measured at a time, and how many times. */
  readonly batch: number;
  readonly batches: number;
}

/** Rates are for each second of CPU, one for each batch. */
export interface Measured {
  readonly nodesMb: number;
  readonly indexMb: number;
  /** The core's rounds alone; and with submits, ends and all that apply does. */
  readonly rounds: readonly number[];
  readonly whole: readonly number[];
  /** Microseconds of rounds that place one task. */
  readonly single: readonly number[];
  /** Search in the index, and its updates; of single ones, microseconds. */
  readonly index: readonly number[];
  readonly indexSingle: readonly number[];
  readonly scan: readonly number[];
  readonly bare: readonly number[];
  /** Times that nothing fitted. */
  readonly noes: number;
  readonly digest: number;
}

const now = instant(1_800_000_100_000);
const succeeded = 2;
/** Times that nothing fits which a scan is held against: it takes long. */
const noesChecked = 20;

export function measurePlacement(trial: Trial): Measured {
  const before = memory();
  const state = nodesOnly(trial.nodes);
  const after = memory();
  const leases = fillSlots(state, trial.full);
  const core = new CoreRounds(state, leases);
  // The first ones are slow, until V8 has compiled what they use.
  for (let round = 0; round < trial.batches; round += 1) core.batch(trial.batch);
  const batches = Array.from({ length: trial.batches }, () => core.batch(trial.batch));
  const single = Array.from({ length: 10 * trial.batch }, () => 1e6 / core.batch(1).rounds);
  const slots = new Slots(state);
  for (let round = 0; round < trial.batches; round += 1) slots.batch(trial.batch);
  const index = Array.from({ length: trial.batches }, () => slots.batch(trial.batch));
  const indexSingle = Array.from({ length: 50 * trial.batch }, () => slots.single());
  const scan = Array.from({ length: trial.batches }, () => rateOf(5, () => slots.scan()));
  const bare = Array.from({ length: trial.batches }, () => rateOf(trial.batch, () => slots.bare()));
  return {
    nodesMb: (after.heap - before.heap + after.columns - before.columns) / 1e6,
    indexMb: (after.columns - before.columns) / 1e6,
    rounds: batches.map(({ rounds }) => rounds),
    whole: batches.map(({ whole }) => whole),
    ...{ single, index, indexSingle, scan, bare },
    noes: slots.noes,
    digest: core.digest + slots.digest,
  };
}

function memory(): { readonly heap: number; readonly columns: number } {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, columns: arrayBuffers };
}

/** How many times for each second of CPU. */
function rateOf(times: number, act: () => void): number {
  const before = process.cpuUsage();
  for (let time = 0; time < times; time += 1) act();
  return (1e6 * times) / cpuUs(before);
}

function cpuUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, user + system);
}

/** Numbers below a bound, the same each time. */
class Draws {
  #seed = 20_261_126;

  below(bound: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * bound);
  }
}

/** The scheduler's core: some leases end, a job comes, a round places it. */
class CoreRounds {
  digest = 0;
  readonly #state: State;
  readonly #leases: number[];
  readonly #draws = new Draws();
  #jobs = 0;

  constructor(state: State, leases: number[]) {
    this.#state = state;
    this.#leases = leases;
  }

  batch(size: number): { readonly rounds: number; readonly whole: number } {
    const state = this.#state;
    const rows: number[] = [];
    for (let count = 0; count < size; count += 1)
      rows.push(this.#takeLease(), 0, 0, 1_000, succeeded);
    const results = new Array<null>(rows.length / endedRowLength).fill(null);
    const before = process.cpuUsage();
    apply(state, { kind: 'tasksEnded', at: now, rows, results });
    submit(state, size, this.#jobs % needs.length);
    const beforeRound = process.cpuUsage();
    const { facts } = decide(state, { kind: 'place' }, { now, policy: balance });
    const roundUs = cpuUs(beforeRound);
    for (const fact of facts) apply(state, fact);
    const wholeUs = cpuUs(before);
    this.#jobs += 1;
    let placed = 0;
    for (const fact of facts) {
      if (fact.kind !== 'tasksLeased') continue;
      for (let at = 2; at < fact.rows.length; at += 6, placed += 1) {
        this.#leases.push(fact.firstLeaseId + placed);
        this.digest += fact.rows[at] ?? 0;
      }
    }
    assert.equal(placed, size, `${placed} of ${size} tasks were placed`);
    return { rounds: (1e6 * size) / roundUs, whole: (1e6 * size) / wholeUs };
  }

  #takeLease(): number {
    const place = this.#draws.below(this.#leases.length);
    const lease = mustHave(this.#leases[place], 'lease at', place);
    const last = this.#leases.pop();
    if (last !== undefined && place < this.#leases.length) this.#leases[place] = last;
    return lease;
  }
}

/** A job, and what it asks of kinds: looked at once for all of its tasks. */
interface Need {
  readonly job: JobRecord;
  readonly fit: Fit;
}

/** The index by itself, with the filter that a round asks: a slot is freed, and a task finds another. */
class Slots {
  digest = 0;
  readonly #state: State;
  readonly #jobs: readonly Need[];
  readonly #free: Int8Array;
  readonly #scan: FullScan;
  noes = 0;
  /** The node of each slot that is taken. */
  readonly #taken: number[] = [];
  readonly #draws = new Draws();
  #turn = 0;

  constructor(state: State) {
    this.#state = state;
    this.#jobs = needs.map((_, need) => {
      const number = submit(state, 1, need);
      const job = mustHave(state.jobs.get(number), 'job', number);
      return { job, fit: fitOf(job.template) };
    });
    this.#free = Int8Array.from(state.nodes, ({ number }) => state.places.placesOf(number, 1));
    this.#scan = new FullScan(state, this.#free);
    for (const { nodeNumber } of state.leases.values()) this.#taken.push(nodeNumber);
  }

  #need(): Need {
    this.#turn += 1;
    return mustHave(this.#jobs[this.#turn % this.#jobs.length], 'need');
  }

  batch(size: number): number {
    return rateOf(size, () => this.#turnOver());
  }

  /** The baseline, on the same slots. */
  scan(): void {
    this.#scan.place(this.#need().job);
  }

  single(): number {
    const before = process.hrtime.bigint();
    this.#turnOver();
    return Number(process.hrtime.bigint() - before) / 1_000;
  }

  /** What no index could do without: two counters. */
  bare(): void {
    const place = this.#draws.below(this.#taken.length);
    const from = this.#taken[place] ?? 0;
    const to = this.#draws.below(this.#free.length);
    this.#free[from] = (this.#free[from] ?? 0) + 1;
    this.#free[to] = (this.#free[to] ?? 0) - 1;
    this.#taken[place] = to;
  }

  #turnOver(): void {
    const place = this.#draws.below(this.#taken.length);
    this.#change(this.#taken[place] ?? -1, 1);
    const node = this.#findAny();
    this.#change(node, -1);
    this.#taken[place] = node;
    this.digest += node;
  }

  #change(node: number, by: number): void {
    const free = (this.#free[node] ?? 0) + by;
    this.#free[node] = free;
    this.#state.openNodes.counted(node, free > 0 ? idle : closed);
  }

  /** Some task finds a node: what needs a rare one may find none, which the scan must say, too. */
  #findAny(): number {
    for (;;) {
      const need = this.#need();
      const node = this.#find(need);
      if (node !== null) return node;
      this.noes += 1;
      if (this.noes <= noesChecked)
        assert.equal(this.#scan.place(need.job), -1, 'a node was missed');
    }
  }

  #find({ job, fit }: Need): number | null {
    const { openNodes, places } = this.#state;
    for (const kind of openNodes.kindsFor(fit)) {
      const suitsAll = kind.suitsAll(fit);
      for (let place = 0; place < kind.idle.size; place += 1) {
        const number = kind.idle.at(place);
        if (suitsAll && places.isWilling(number)) return number;
        const node = mustHave(this.#state.nodes[number], 'node');
        if (isSuited(job, node) && refuseSuited(job, node, now) === null) return number;
      }
    }
    return null;
  }
}

// What must hold in every run, whatever the policy: looked at while it runs, and the first violation
// stops it. They look at what the nodes and links see and at the scheduler's facts, not at its state.

import type { Fact, NodeHealth } from '../../scheduler/core/index.ts';
import {
  endedRowLength,
  leasedRowLength,
  leasesPerSlot,
  taskStates,
  transfersAtATime,
  grown,
} from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { serviceOf } from '../world/services.ts';
import type { Program } from '../world/services.ts';
import type { Attempts } from './attempts.ts';
import type { Board } from './board.ts';
import { nameOf, numberOf } from './messages.ts';
import type { Direction, Transfers } from './transfers.ts';

/** A rule was broken: by the policy, the scheduler or the simulator itself. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
  /** Tasks are left that the policy places nowhere. */
  readonly isStuck: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isStuck?: boolean } = {}) {
    super(message, options);
    this.isStuck = options.isStuck ?? false;
  }
}

const succeeded = taskStates.indexOf('succeeded');
/** What rounding may leave, as a part of the whole. */
const crumbs = 1e-9;

/** Where a task's valid result came from. */
export type Results = readonly Float64Array[];

export class Checks {
  readonly #world: World;
  /** By job and task: the lease whose result was taken; 0: none yet. */
  readonly #results: readonly Float64Array[];
  /** By the scheduler's number of a job, that of the world: jobs may come in another order. */
  readonly #worldJobs: number[] = [];
  /** Jobs and tasks of leases, by their numbers. */
  #jobOf = new Int32Array(1024).fill(-1);
  #taskOf = new Int32Array(1024);
  /** By node, as the scheduler last said. */
  readonly #health: NodeHealth[] = [];
  /** By site, leases whose transfers are under way: few, so that a list is looked through faster than a set. */
  readonly #transfers: readonly Readonly<Record<Direction, number[]>>[];
  #left: number;

  constructor(world: World) {
    this.#world = world;
    this.#results = world.jobs.map(({ tasks }) => new Float64Array(tasks));
    this.#transfers = world.sites.map(() => ({ down: [], up: [] }));
    this.#left = world.jobs.reduce((sum, { tasks }) => sum + tasks, 0);
  }

  get results(): Results {
    return this.#results;
  }

  /** Tasks without a result. */
  get tasksLeft(): number {
    return this.#left;
  }

  /** A node has been given a lease. */
  granted({ node, number, held }: Pick<Board, 'node' | 'number' | 'held'>, job: Program): void {
    const most = leasesPerSlot * node.model.slots;
    // With faults it may hold for a moment what it was told to end, and has not heard of.
    if (held > most && this.#world.faults === null) {
      fail(
        `capacity: node ${nameOf(number)}, a ${node.model.name} with ${node.model.slots} slots, was given ${held} leases, and may hold ${most}`,
      );
    }
    if (job.memoryBytes > node.model.memoryBytes) {
      fail(
        `capacity: a task of ${job.name} wants ${job.memoryBytes} bytes of memory, and was given to node ${nameOf(number)}, a ${node.model.name} with ${node.model.memoryBytes}`,
      );
    }
  }

  /** The owner's limit of the uplink: few large transfers at a time. */
  transferStarted(site: number, direction: Direction, lease: number): void {
    // With faults what was to stop, or what an earlier scheduler let begin, may go on for a while.
    if (this.#world.faults !== null) return;
    const lane = this.#transfers[site]?.[direction];
    if (lane === undefined || lane.includes(lease)) return;
    lane.push(lease);
    if (lane.length <= transfersAtATime) return;
    fail(
      `uplink: site ${site} was given ${lane.length} transfers ${direction} at a time, and may have ${transfersAtATime}`,
    );
  }

  transferOver(site: number, direction: Direction, lease: number): void {
    const lane = this.#transfers[site]?.[direction];
    const place = lane?.indexOf(lease) ?? -1;
    if (place >= 0) lane?.splice(place, 1);
  }

  /** What the scheduler has decided. */
  saw(fact: Fact): void {
    if (fact.kind === 'nodeHealthChanged') this.#health[fact.nodeNumber] = fact.health;
    else if (fact.kind === 'jobSubmitted') this.#worldJobs[fact.jobNumber] = numberOf(fact.jobId);
    else if (fact.kind === 'tasksLeased') this.#leased(fact.firstLeaseId, fact.rows);
    else if (fact.kind === 'tasksEnded') this.#ended(fact.rows);
    else if (fact.kind === 'jobEnded' && fact.state !== 'succeeded') {
      fail(
        `results: job ${this.#nameOf(this.#worldJobs[fact.jobNumber] ?? -1)} ${fact.state}, and nothing fails here`,
      );
    }
  }

  /** Nothing more will happen, for a reason that is told. */
  stuck(why: string): never {
    const what = `progress: nothing happens any more, and ${this.#left} tasks have no result${why}`;
    throw new CheckFailed(what, { isStuck: true });
  }

  /** The run is over. */
  ended(transfers: Transfers, { attempts, nowMs }: { attempts: Attempts; nowMs: number }): void {
    let moved = 0;
    for (let link = 0; link < transfers.links; link += 1) {
      const bytes = transfers.movedBytes(link);
      const most = transfers.mostBytes(link, nowMs);
      if (bytes > (1 + crumbs) * most) {
        fail(`uplink: link ${link} moved ${bytes} bytes, and its owner's share is ${most}`);
      }
      moved += bytes;
    }
    const got = bytesOf(attempts) + transfers.relayedBytes;
    if (Math.abs(moved - got) > crumbs * moved) {
      fail(`bytes: the uplinks moved ${moved} bytes, and the attempts had ${got}`);
    }
  }

  #leased(first: number, rows: readonly number[]): void {
    let lease = first;
    for (let at = 0; at < rows.length; at += leasedRowLength) {
      const job = this.#worldJobs[rows[at] ?? -1] ?? -1;
      const task = rows[at + 1] ?? -1;
      const result = this.#results[job]?.[task];
      const node = rows[at + 2] ?? -1;
      if (this.#health[node] !== 'healthy') {
        // It has never been heard of.
        const health = this.#health[node] ?? 'new';
        fail(`capacity: node ${nameOf(node)} is ${health}, and was given a lease`);
      }
      const isReplica = serviceOf(this.#world, job) !== undefined;
      if (result === undefined && !isReplica)
        fail(`results: lease ${lease} is of task ${task} of no job`);
      if (result !== undefined && result > 0) {
        fail(`results: task ${task} of ${this.#nameOf(job)} was leased after its result had come`);
      }
      if (lease >= this.#jobOf.length) this.#grow();
      this.#jobOf[lease] = job;
      this.#taskOf[lease] = task;
      lease += 1;
    }
  }

  #ended(rows: readonly number[]): void {
    for (let at = 0; at < rows.length; at += endedRowLength) {
      const lease = rows[at] ?? 0;
      const job = this.#jobOf[lease] ?? -1;
      const task = this.#taskOf[lease] ?? -1;
      this.#jobOf[lease] = -1;
      if (rows[at + 4] !== succeeded) continue;
      const results = this.#results[job];
      if (results === undefined) fail(`results: lease ${lease} ended and is of no task`);
      if ((results[task] ?? 0) > 0) {
        fail(`results: task ${task} of ${this.#nameOf(job)} has a second valid result`);
      }
      results[task] = lease;
      this.#left -= 1;
    }
  }

  #grow(): void {
    const length = 2 * this.#jobOf.length;
    const jobs = new Int32Array(length).fill(-1);
    jobs.set(this.#jobOf);
    this.#jobOf = jobs;
    this.#taskOf = grown(this.#taskOf, length);
  }

  #nameOf(job: number): string {
    return this.#world.jobs[job]?.name ?? `number ${job}`;
  }
}

/** That all attempts fetched and sent, of transfers that were stopped, that replicas moved, and of programs. */
function bytesOf(attempts: Attempts): number {
  let bytes = 0;
  for (const { downBytes, upBytes } of attempts.streamed.values()) bytes += downBytes + upBytes;
  for (const brought of attempts.brought) bytes += brought.bytes;
  for (let lease = 1; lease <= attempts.last; lease += 1) {
    bytes += attempts.downBytes[lease] ?? 0;
    bytes += (attempts.upBytes[lease] ?? 0) + (attempts.stoppedBytes[lease] ?? 0);
  }
  return bytes;
}

function fail(what: string): never {
  throw new CheckFailed(what);
}

// What owners allow is kept in every run: by the scheduler, as far as nodes have told it, and by the
// nodes themselves.

import type { Fact, Instant, State } from '../../scheduler/core/index.ts';
import { leasedRowLength } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { closesAt } from '../world/owners.ts';
import { programOf } from '../world/services.ts';
import type { Attempts } from './attempts.ts';
import { CheckFailed } from './checks.ts';
import { nameOf, numberOf } from './messages.ts';

interface Told {
  readonly isAccepting: boolean;
  /** By the scheduler's clock; null: never. */
  readonly closesAt: number | null;
}

/** What rounding may leave of the times of a run, in milliseconds. */
const crumbMs = 1e-3;

export class OwnerChecks {
  readonly #world: World;
  /** By node, what it told last. */
  readonly #told: Told[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** What the scheduler has decided. */
  saw(fact: Fact, { jobs }: State): void {
    // With faults it may not have heard the last, or have forgotten it.
    if (this.#world.owners === null || this.#world.faults !== null) return;
    if (fact.kind === 'nodeHeard' && fact.status !== null) {
      const { isAccepting, hoursLeftMs } = fact.status;
      const endsAt = hoursLeftMs === null ? null : fact.at + hoursLeftMs;
      this.#told[fact.nodeNumber] = { isAccepting, closesAt: endsAt };
    }
    if (fact.kind !== 'tasksLeased') return;
    for (let at = 0; at < fact.rows.length; at += leasedRowLength) {
      const job = jobs.get(fact.rows[at] ?? -1)?.jobId ?? '';
      this.#leased({ job: numberOf(job), node: fact.rows[at + 2] ?? -1, now: fact.at });
    }
  }

  /** No attempt ran outside of its node's hours. */
  ended(attempts: Attempts, nowMs: number): void {
    const { owners, nodes } = this.#world;
    if (owners === null) return;
    const { startsAtMs } = owners;
    for (let lease = 1; lease <= attempts.last; lease += 1) {
      const number = attempts.node[lease] ?? -1;
      const hours = owners.hours[nodes[number]?.site ?? -1] ?? null;
      const startedAt = attempts.startedAt[lease] ?? 0;
      if (hours === null || startedAt === 0) continue;
      const exitedAt = attempts.exitedAt[lease] ?? 0;
      const endMs = exitedAt === 0 ? nowMs : exitedAt;
      const closes = closesAt(hours, { startsAtMs, nowMs: startedAt });
      if (closes !== null && endMs <= closes + crumbMs) continue;
      fail(`${nameOf(number)} ran a task outside of its hours, until ${endMs} ms`);
    }
  }

  #leased(of: { readonly job: number; readonly node: number; readonly now: Instant }): void {
    const { node, now } = of;
    const told = this.#told[node];
    const { name } = programOf(this.#world, of.job);
    const job = this.#world.jobs[of.job];
    const board = this.#world.nodes[node];
    if (told === undefined || board === undefined) return;
    if (!told.isAccepting) fail(`${nameOf(node)} takes no task, and was given one of ${name}`);
    if (told.closesAt === null || job === undefined || !job.isDeclared) return;
    const needsMs = (1000 * job.workGhzSeconds) / board.speedGhz;
    const leftMs = told.closesAt - now;
    if (needsMs <= leftMs) return;
    fail(
      `the hours of ${nameOf(node)} end in ${leftMs} ms, and it was given a task of ${name} that needs ${needsMs} ms`,
    );
  }
}

function fail(what: string): never {
  throw new CheckFailed(`owner: ${what}`);
}

// One run: the scheduler's own core over a world that was drawn, in virtual time. What the core is
// told, it is told in batches, as its loop does.

import type { Solve } from '../../scheduler/adapters/plan/highs.ts';
import type { Effect, Fact, Policy, State } from '../../scheduler/core/index.ts';
import { backupsEveryMs } from '../../scheduler/core/index.ts';
import { isSteady } from '../world/draw-world.ts';
import type { World } from '../world/draw-world.ts';
import type { Attempts } from './attempts.ts';
import type { Availability } from './availability.ts';
import { Checks } from './checks.ts';
import { Events, kindOf, kinds, numberIn } from './events.ts';
import { Failing } from './failing.ts';
import { LeaseWork } from './lease-work.ts';
import { LightNodes } from './light-nodes.ts';
import { LineChanges } from './line-changes.ts';
import { OwnerChecks } from './owner-checks.ts';
import { Paces } from './paces.ts';
import { Patience } from './patience.ts';
import { Presence } from './presence.ts';
import { ReplicaLog } from './replica-log.ts';
import { RunScheduler } from './run-scheduler.ts';
import { Submissions } from './submissions.ts';
import { Transfers } from './transfers.ts';

/** Batches are so far apart; what a node says waits for the next one. This stands for the time that
 * control messages take, there and back. */
export const batchMs = 100;

/** Where nodes come and go: deadlines are looked at, and nodes report, so far apart. */
const tickMs = 15_000;
const reportMs = 180_000;
/** With faults: what was lost is told again. */
const busyReportMs = 30_000;

export interface RunOptions {
  readonly policy: Policy;
  readonly solve: Solve;
}

export interface Progress {
  readonly nowMs: number;
  readonly events: number;
  readonly tasks: number;
  readonly tasksLeft: number;
}

export interface RunResult {
  readonly makespanMs: number;
  readonly events: number;
  readonly attempts: Attempts;
  readonly checks: Checks;
  readonly transfers: Transfers;
  readonly replicas: ReplicaLog;
  /** When each job of the world was submitted. */
  readonly submittedAt: Float64Array;
  readonly availability: Availability;
}

export class Run {
  readonly #world: World;
  readonly #events = new Events();
  readonly #scheduler: RunScheduler;
  readonly #transfers: Transfers;
  readonly #checks: Checks;
  readonly #work: LeaseWork;
  readonly #nodes: LightNodes;
  readonly #submissions: Submissions;
  readonly #lineChanges: LineChanges;
  readonly #failing: Failing;
  readonly #presence: Presence;
  readonly #paces: Paces;
  readonly #ownerChecks: OwnerChecks;
  readonly #replicas: ReplicaLog;
  readonly #patience: Patience;
  #now = 0;
  #batchAt = -1;
  #eventCount = 0;

  constructor(world: World, { policy, solve }: RunOptions) {
    this.#world = world;
    const events = this.#events;
    const at = (kind: (typeof kinds)[keyof typeof kinds]) => events.pusher(kind);
    this.#checks = new Checks(world);
    this.#ownerChecks = new OwnerChecks(world);
    this.#replicas = new ReplicaLog(world);
    this.#patience = new Patience(world);
    this.#transfers = new Transfers(world);
    this.#paces = new Paces({ world, callAt: at(kinds.pace), endsAt: at(kinds.task) });
    const parts = { transfers: this.#transfers, checks: this.#checks, paces: this.#paces };
    this.#work = new LeaseWork({ world, ...parts, copiedAt: at(kinds.copy) });
    this.#nodes = new LightNodes(this.#work);
    this.#scheduler = new RunScheduler({
      ...{ world, policy, solve },
      saw: (fact, state, now) => this.#saw(fact, state, now),
      full: () => this.#submissions.refused(),
      planAt: at(kinds.plan),
    });
    this.#failing = new Failing(world, {
      state: this.#scheduler.state,
      nodes: this.#nodes,
      failAt: at(kinds.fault),
      lateAt: at(kinds.late),
    });
    this.#presence = new Presence({
      world,
      nodes: this.#nodes,
      powerAt: at(kinds.power),
      ownersAt: at(kinds.owner),
      comingsAt: at(kinds.coming),
      say: (commands) => this.#scheduler.say(...commands),
    });
    if (!isSteady(world)) events.push(kinds.tick, tickMs);
    this.#submissions = new Submissions({
      world,
      submitAt: at(kinds.submit),
      stopAt: at(kinds.stop),
    });
    const callAt = at(kinds.lines);
    this.#lineChanges = new LineChanges({ world, transfers: this.#transfers, callAt });
    events.push(kinds.beat, backupsEveryMs);
    this.#wake();
  }

  get progress(): Progress {
    const tasks = this.#world.jobs.reduce((sum, job) => sum + job.tasks, 0);
    const { tasksLeft } = this.#checks;
    return { nowMs: this.#now, events: this.#eventCount, tasks, tasksLeft };
  }

  /** Goes on for so many events; returns whether the run is over. */
  advance(events: number): boolean {
    for (let count = 0; count < events; count += 1) {
      if (this.#checks.tasksLeft === 0) return true;
      this.#eventCount += 1;
      this.#next();
    }
    return false;
  }

  /** Of a run that is over. */
  result(): RunResult {
    const nowMs = this.#now;
    const { attempts } = this.#work;
    this.#work.exchanges.stopAll(nowMs);
    this.#work.running.stopAll(nowMs);
    this.#checks.ended(this.#transfers, { attempts, nowMs });
    this.#ownerChecks.ended(attempts, nowMs);
    return {
      makespanMs: this.#now,
      events: this.#eventCount,
      attempts,
      checks: this.#checks,
      transfers: this.#transfers,
      replicas: this.#replicas,
      submittedAt: this.#submissions.submittedAt,
      availability: this.#presence.availability,
    };
  }

  #next(): void {
    const transferAt = this.#transfers.nextAt;
    this.#now = Math.min(this.#events.nextAt, transferAt);
    if (this.#now < transferAt) return this.#handle(this.#events.pop());
    for (const moved of this.#transfers.finish()) this.#work.transferDone(moved, this.#now);
    this.#wake();
  }

  #handle(event: number): void {
    const of = numberIn(event);
    switch (kindOf(event)) {
      case kinds.batch:
        return this.#batch();
      case kinds.task:
        this.#work.taskDone(of, this.#now);
        break;
      case kinds.submit:
        this.#submissions.due(of, this.#now);
        break;
      case kinds.stop:
        this.#submissions.over(of);
        break;
      case kinds.power:
        this.#presence.power(of, this.#now);
        break;
      case kinds.tick:
        this.#tick();
        break;
      case kinds.plan:
        this.#scheduler.planned();
        break;
      case kinds.lines:
        this.#scheduler.say(...this.#lineChanges.due(this.#now));
        break;
      case kinds.fault:
        this.#fault(of);
        break;
      case kinds.owner:
        this.#presence.ownersDue(of, this.#now);
        break;
      case kinds.coming:
        this.#presence.comingsDue(of, this.#now);
        break;
      case kinds.pace:
        this.#paces.due(of, this.#now);
        break;
      case kinds.copy:
        this.#work.exchanges.copied(of, this.#now);
        break;
      case kinds.late:
        this.#scheduler.say(...this.#failing.late(of, this.#now));
        break;
      default:
        this.#beat();
    }
    this.#wake();
  }

  #tick(): void {
    if (this.#patience.isOver(this.#now)) this.#stuck();
    const everyMs = this.#world.faults === null ? reportMs : busyReportMs;
    if (this.#now % everyMs === 0) this.#nodes.report(this.#now);
    this.#scheduler.say({ kind: 'tick' });
    this.#events.push(kinds.tick, this.#now + tickMs);
  }

  /** The tails of jobs are looked at when nothing else happens, too. */
  #beat(): void {
    const isIdle = this.#events.size === this.#lineChanges.pending && this.#transfers.isQuiet;
    if (this.#patience.isOverAtBeat(isIdle)) this.#stuck();
    this.#events.push(kinds.beat, this.#now + backupsEveryMs);
    this.#scheduler.say({ kind: 'place' });
  }

  #stuck(): never {
    return this.#checks.stuck(this.#scheduler.whyStuck(this.#now));
  }

  /** Whoever has something to say is heard in the next batch. */
  #wake(): void {
    const isSilent = this.#submissions.isQuiet && this.#work.voices.messages.isEmpty;
    if (isSilent && this.#scheduler.isQuiet) return;
    if (this.#failing.isDown || this.#batchAt > this.#now) return;
    this.#batchAt = batchMs * (Math.floor(this.#now / batchMs) + 1);
    this.#events.push(kinds.batch, this.#batchAt);
  }

  #batch(): void {
    if (this.#failing.isDown) return;
    const scheduler = this.#scheduler;
    const effects: Effect[] = [];
    const now = this.#now;
    // What a node said before its connection closed comes before that.
    const { messages } = this.#work.voices;
    for (const idle of messages.takeIdle()) scheduler.take(idle, effects, now);
    const heard = this.#failing.heard(messages.take(), now);
    for (const message of heard) scheduler.take(message, effects, now);
    scheduler.takeSaid(effects, now);
    while (this.#submissions.hasNext) scheduler.take(this.#submissions.next(), effects, now);
    for (const stop of this.#submissions.stops()) scheduler.take(stop, effects, now);
    scheduler.take({ kind: 'place' }, effects, now);
    for (const effect of this.#failing.sent(effects, { state: scheduler.state, now })) {
      if (effect.kind === 'solvePlan') scheduler.plan(effect, now);
      else this.#nodes.carryOut(effect, now);
    }
    this.#wake();
  }

  #fault(call: number): void {
    const { state } = this.#scheduler;
    const restored = this.#failing.due(call, { state, now: this.#now });
    if (restored === null) return;
    this.#scheduler.restart(restored);
    // What nodes said while nobody listened is lost.
    this.#work.voices.messages.take();
  }

  /** The scheduler has decided. */
  #saw(fact: Fact, state: State, now: number): void {
    const { tasksLeft } = this.#checks;
    this.#checks.saw(fact);
    this.#ownerChecks.saw(fact, state);
    this.#replicas.saw(fact);
    this.#failing.saw(fact);
    this.#submissions.saw(fact, now);
    this.#presence.saw(fact, now);
    // Ends of replicas, and of attempts that failed, bring the run no further.
    if (this.#checks.tasksLeft < tasksLeft) this.#patience.sawResult(now);
    if (fact.kind === 'tasksEnded') this.#work.attempts.ended(fact.rows, now);
  }
}

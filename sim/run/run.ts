// One run: the scheduler's own core over a world that was drawn, in virtual time. What the core is
// told, it is told in batches, as its loop does; nothing is journalled, as nothing crashes here.

import type { Solve } from '../../scheduler/adapters/plan/highs.ts';
import type { Command, Effect, Policy } from '../../scheduler/core/index.ts';
import { State, apply, backupsEveryMs, decide, instant } from '../../scheduler/core/index.ts';
import { EventQueue } from '../kernel/event-queue.ts';
import { isSteady } from '../world/draw-world.ts';
import type { World } from '../world/draw-world.ts';
import type { Attempts } from './attempts.ts';
import { CheckFailed, Checks } from './checks.ts';
import { enrolled, startMs } from './enrol.ts';
import { Failing } from './failing.ts';
import { LightNodes } from './light-nodes.ts';
import { LineChanges } from './line-changes.ts';
import { OwnerChecks } from './owner-checks.ts';
import { Paces } from './paces.ts';
import { Presence } from './presence.ts';
import { ReplicaLog } from './replica-log.ts';
import { Submissions } from './submissions.ts';
import { Transfers } from './transfers.ts';
import { whyStuck } from './why-stuck.ts';

/** Batches are so far apart; what a node says waits for the next one. This stands for the time that
 * control messages take, there and back. */
export const batchMs = 100;
/** What has not happened by then, with nothing under way, never will. */
const idleAtMostMs = 3_600_000;

/** Where nodes come and go: deadlines are looked at, and nodes report, so far apart. */
const tickMs = 15_000;
const reportMs = 180_000;
/** With faults: what was lost is told again. */
const busyReportMs = 30_000;
/** Without a result for so long a run has gone wrong. */
const resultWithinMs = 60 * 24 * 3_600_000;
/** When nothing fails any more, and nodes stay on. */
const calmWithinMs = 24 * 3_600_000;

/** Commands that people give. */
const ofPeople: ReadonlySet<Command['kind']> = new Set(['setSite', 'createToken', 'enrolNode']);

const kinds = {
  batch: 0,
  task: 1,
  submit: 2,
  beat: 3,
  power: 4,
  tick: 5,
  plan: 6,
  lines: 7,
  fault: 8,
  late: 9,
  owner: 10,
  coming: 11,
  pace: 12,
  stop: 13,
} as const;
const kindCount = 14;
/** A plan comes back so long after it was asked for: about what a program of 64 groups and 64 classes
 * takes a busy machine. */
const planMs = 500;

export interface RunOptions {
  readonly policy: Policy;
  readonly solve: Solve;
}

type SolvePlan = Extract<Effect, { readonly kind: 'solvePlan' }>;

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
  /** The part of the federation's speed that was switched on. */
  readonly availability: number;
}

export class Run {
  readonly #world: World;
  readonly #policy: Policy;
  readonly #solve: Solve;
  #state = new State();
  readonly #queue = new EventQueue();
  readonly #transfers: Transfers;
  readonly #checks: Checks;
  readonly #nodes: LightNodes;
  readonly #submissions: Submissions;
  readonly #lineChanges: LineChanges;
  readonly #failing: Failing;
  readonly #presence: Presence;
  readonly #paces: Paces;
  readonly #ownerChecks: OwnerChecks;
  readonly #replicas: ReplicaLog;
  #commands: Command[] = [];
  /** The last plan that was asked for: an older one counts for nothing. */
  #planAsked: SolvePlan | undefined;
  #now = 0;
  #batchAt = -1;
  #events = 0;
  #idleBeats = 0;
  #resultAt = 0;

  constructor(world: World, { policy, solve }: RunOptions) {
    this.#world = world;
    this.#policy = policy;
    this.#solve = solve;
    this.#checks = new Checks(world);
    const ask =
      (kind: number, of = 0) =>
      (atMs: number) =>
        this.#queue.push(atMs, of * kindCount + kind);
    this.#transfers = new Transfers(world);
    this.#paces = new Paces({
      world,
      callAt: (atMs, call) => ask(kinds.pace, call)(atMs),
      endsAt: (atMs, lease) => ask(kinds.task, lease)(atMs),
    });
    this.#nodes = new LightNodes({
      world,
      transfers: this.#transfers,
      checks: this.#checks,
      paces: this.#paces,
    });
    this.#replicas = new ReplicaLog(world);
    for (const fact of enrolled(world)) {
      apply(this.#state, fact);
      this.#replicas.saw(fact);
    }
    this.#failing = new Failing(world, {
      state: this.#state,
      nodes: this.#nodes,
      failAt: (atMs, call) => ask(kinds.fault, call)(atMs),
      lateAt: (atMs, call) => ask(kinds.late, call)(atMs),
    });
    this.#ownerChecks = new OwnerChecks(world);
    this.#presence = new Presence({
      world,
      nodes: this.#nodes,
      powerAt: (atMs, node) => ask(kinds.power, node)(atMs),
      ownersAt: (atMs, call) => ask(kinds.owner, call)(atMs),
      comingsAt: (atMs, call) => ask(kinds.coming, call)(atMs),
      say: (commands) => this.#commands.push(...commands),
    });
    if (!isSteady(world)) ask(kinds.tick)(tickMs);
    this.#submissions = new Submissions({
      world,
      submitAt: (atMs, job) => ask(kinds.submit, job)(atMs),
      stopAt: (atMs, service) => ask(kinds.stop, service)(atMs),
    });
    const callAt = ask(kinds.lines);
    this.#lineChanges = new LineChanges({ world, transfers: this.#transfers, callAt });
    ask(kinds.beat)(backupsEveryMs);
    this.#wake();
  }

  get progress(): Progress {
    const tasks = this.#world.jobs.reduce((sum, job) => sum + job.tasks, 0);
    const { tasksLeft } = this.#checks;
    return { nowMs: this.#now, events: this.#events, tasks, tasksLeft };
  }

  /** Goes on for so many events; returns whether the run is over. */
  advance(events: number): boolean {
    for (let count = 0; count < events; count += 1) {
      if (this.#checks.tasksLeft === 0) return true;
      this.#events += 1;
      this.#next();
    }
    return false;
  }

  /** Of a run that is over. */
  result(): RunResult {
    const nowMs = this.#now;
    const { attempts } = this.#nodes;
    this.#nodes.running.stopAll(nowMs);
    this.#checks.ended(this.#transfers, { attempts, nowMs });
    this.#ownerChecks.ended(attempts, nowMs);
    return {
      makespanMs: this.#now,
      events: this.#events,
      attempts,
      checks: this.#checks,
      transfers: this.#transfers,
      replicas: this.#replicas,
      submittedAt: this.#submissions.submittedAt,
      availability: this.#presence.availability(nowMs),
    };
  }

  #next(): void {
    const transferAt = this.#transfers.nextAt;
    this.#now = Math.min(this.#queue.nextAt, transferAt);
    if (this.#now < transferAt) return this.#handle(this.#queue.pop());
    for (const moved of this.#transfers.finish()) this.#nodes.transferDone(moved, this.#now);
    this.#wake();
  }

  #handle(event: number): void {
    const of = Math.floor(event / kindCount);
    switch (event % kindCount) {
      case kinds.batch:
        return this.#batch();
      case kinds.task:
        this.#nodes.taskDone(of, this.#now);
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
        this.#planned();
        break;
      case kinds.lines:
        this.#commands.push(...this.#lineChanges.due(this.#now));
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
      case kinds.late:
        this.#commands.push(...this.#failing.late(of, this.#now));
        break;
      default:
        this.#beat();
    }
    this.#wake();
  }

  #tick(): void {
    const { churn, owners, lives, faults } = this.#world;
    const quietMs = this.#now - Math.max(this.#resultAt, faults?.until ?? 0);
    const isCalm = churn === null && owners === null && lives === null;
    if (quietMs > (isCalm ? calmWithinMs : resultWithinMs)) this.#stuck();
    const everyMs = faults === null ? reportMs : busyReportMs;
    if (this.#now % everyMs === 0) this.#nodes.report(this.#now);
    this.#commands.push({ kind: 'tick' });
    this.#queue.push(this.#now + tickMs, kinds.tick);
  }

  /** The tails of jobs are looked at when nothing else happens, too. */
  #beat(): void {
    const isIdle = this.#queue.size === this.#lineChanges.pending && this.#transfers.isQuiet;
    this.#idleBeats = isIdle ? this.#idleBeats + 1 : 0;
    if (this.#idleBeats * backupsEveryMs > idleAtMostMs) this.#stuck();
    this.#queue.push(this.#now + backupsEveryMs, kinds.beat);
    this.#commands.push({ kind: 'place' });
  }

  #stuck(): never {
    const now = instant(startMs + this.#now);
    return this.#checks.stuck(whyStuck(this.#state, { now, policy: this.#policy }));
  }

  /** Whoever has something to say is heard in the next batch. */
  #wake(): void {
    const isSilent = this.#submissions.isQuiet && this.#nodes.messages.isEmpty;
    if (
      (isSilent && this.#commands.length === 0) ||
      this.#failing.isDown ||
      this.#batchAt > this.#now
    )
      return;
    this.#batchAt = batchMs * (Math.floor(this.#now / batchMs) + 1);
    this.#queue.push(this.#batchAt, kinds.batch);
  }

  #batch(): void {
    if (this.#failing.isDown) return;
    const effects: Effect[] = [];
    // What a node said before its connection closed comes before that.
    const heard = this.#failing.heard(this.#nodes.messages.take(), this.#now);
    for (const message of heard) this.#take(message, effects);
    for (const command of this.#commands.splice(0)) this.#take(command, effects);
    while (this.#submissions.hasNext) this.#take(this.#submissions.next(), effects);
    for (const stop of this.#submissions.stops()) this.#take(stop, effects);
    this.#take({ kind: 'place' }, effects);
    for (const effect of this.#failing.sent(effects, { state: this.#state, now: this.#now })) {
      if (effect.kind === 'solvePlan') this.#plan(effect);
      else this.#nodes.carryOut(effect, this.#now);
    }
    this.#wake();
  }

  #fault(call: number): void {
    const restored = this.#failing.due(call, { state: this.#state, now: this.#now });
    if (restored === null) return;
    this.#state = restored;
    this.#planAsked = undefined;
    // What nodes said while nobody listened is lost; people see that, and say it again.
    this.#nodes.messages.take();
    this.#commands = this.#commands.filter(({ kind }) => ofPeople.has(kind));
  }

  #plan(asked: SolvePlan): void {
    this.#planAsked = asked;
    this.#queue.push(this.#now + planMs, kinds.plan);
  }

  #planned(): void {
    if (this.#planAsked === undefined) return;
    const { planId, program } = this.#planAsked;
    this.#planAsked = undefined;
    this.#commands.push({ kind: 'planSolved', planId, solution: this.#solve(program) });
  }

  #take(command: Command, effects: Effect[]): void {
    const about = { now: instant(startMs + this.#now), policy: this.#policy };
    const decision = decide(this.#state, command, about);
    const { answer } = decision;
    if (answer.kind === 'refused') {
      if (command.kind !== 'submitJob' || answer.code !== 'exhausted') {
        throw new CheckFailed(answer.reason);
      }
      this.#submissions.refused();
    }
    for (const fact of decision.facts) {
      apply(this.#state, fact);
      this.#checks.saw(fact);
      this.#ownerChecks.saw(fact, this.#state);
      this.#replicas.saw(fact);
      this.#failing.saw(fact);
      this.#submissions.saw(fact, this.#now);
      this.#presence.saw(fact, this.#now);
      if (fact.kind !== 'tasksEnded') continue;
      this.#nodes.attempts.ended(fact.rows, this.#now);
      this.#resultAt = this.#now;
    }
    for (const effect of decision.effects) effects.push(effect);
  }
}

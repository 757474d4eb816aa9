// The scheduler of a run: its own core, what it will be told in the next batch, and the plan that it
// waits for. Nothing is journalled here but where the scheduler dies (see `failing.ts`).

import type { Solve } from '../../scheduler/adapters/plan/highs.ts';
import type { Command, Effect, Fact, Policy } from '../../scheduler/core/index.ts';
import { State, apply, decide, instant } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import { CheckFailed } from './checks.ts';
import { enrolled, startMs } from './enrol.ts';
import { whyStuck } from './why-stuck.ts';

/** A plan comes back so long after it was asked for: about what a program of 64 groups and 64 classes
 * takes a busy machine. */
const planMs = 500;

/** Commands that people give. */
const ofPeople: ReadonlySet<Command['kind']> = new Set(['setSite', 'createToken', 'enrolNode']);

export interface RunSchedulerOptions {
  readonly world: World;
  readonly policy: Policy;
  readonly solve: Solve;
  /** It has decided that; its state has it. */
  readonly saw: (fact: Fact, state: State, now: number) => void;
  /** It takes no more jobs now. */
  readonly full: () => void;
  /** Asks for `planned` then. */
  readonly planAt: (atMs: number) => void;
}

type SolvePlan = Extract<Effect, { readonly kind: 'solvePlan' }>;

export class RunScheduler {
  readonly #options: RunSchedulerOptions;
  #state = new State();
  #said: Command[] = [];
  /** The last plan that was asked for: an older one counts for nothing. */
  #planAsked: SolvePlan | undefined;

  /** With the federation as it is before the run. */
  constructor(options: RunSchedulerOptions) {
    this.#options = options;
    for (const fact of enrolled(options.world)) apply(this.#state, fact);
  }

  get state(): State {
    return this.#state;
  }

  /** Nothing waits to be told to it. */
  get isQuiet(): boolean {
    return this.#said.length === 0;
  }

  /** It is told that in the next batch. */
  say(...commands: readonly Command[]): void {
    this.#said.push(...commands);
  }

  /** Decides on all that was said. */
  takeSaid(effects: Effect[], now: number): void {
    for (const command of this.#said.splice(0)) this.take(command, effects, now);
  }

  /** Decides on one command; adds to the effects. */
  take(command: Command, effects: Effect[], nowMs: number): void {
    const { policy, saw, full } = this.#options;
    const decision = decide(this.#state, command, { now: instant(startMs + nowMs), policy });
    const { answer } = decision;
    if (answer.kind === 'refused') {
      if (command.kind !== 'submitJob' || answer.code !== 'exhausted') {
        throw new CheckFailed(answer.reason);
      }
      full();
    }
    for (const fact of decision.facts) {
      apply(this.#state, fact);
      saw(fact, this.#state, nowMs);
    }
    for (const effect of decision.effects) effects.push(effect);
  }

  /** It wants a plan, which takes a while. */
  plan(asked: SolvePlan, now: number): void {
    this.#planAsked = asked;
    this.#options.planAt(now + planMs);
  }

  planned(): void {
    if (this.#planAsked === undefined) return;
    const { planId, program } = this.#planAsked;
    this.#planAsked = undefined;
    this.say({ kind: 'planSolved', planId, solution: this.#options.solve(program) });
  }

  /** It died, and starts with this. What people had said they see is lost, and say it again. */
  restart(restored: State): void {
    this.#state = restored;
    this.#planAsked = undefined;
    this.#said = this.#said.filter(({ kind }) => ofPeople.has(kind));
  }

  /** Why what waits is not placed. */
  whyStuck(nowMs: number): string {
    const { policy } = this.#options;
    return whyStuck(this.#state, { now: instant(startMs + nowMs), policy });
  }
}

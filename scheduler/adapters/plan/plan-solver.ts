// Solves the plan that the core asks for, one at a time, in a thread that is started with the first
// one. Whatever happens to the thread, the core hears it, and the next plan gets a new one.

import type { Worker } from 'node:worker_threads';
import type { Effect, PlanFailed, PlanSolved, Solution } from '../../core/index.ts';
import { startThread } from '../thread.ts';

type SolvePlan = Extract<Effect, { kind: 'solvePlan' }>;

export interface PlanSolverOptions {
  readonly post: (command: PlanSolved | PlanFailed) => void;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Another than HiGHS, for tests. */
  readonly start?: () => Worker;
}

export class PlanSolver {
  readonly #options: PlanSolverOptions;
  #worker: Worker | undefined;
  #planId: number | null = null;

  constructor(options: PlanSolverOptions) {
    this.#options = options;
  }

  /** The answer is a command. One that is still being solved is given up: the core has done so. */
  solve({ planId, program }: SolvePlan): void {
    if (this.#planId !== null) this.#giveUp();
    this.#planId = planId;
    this.#worker ??= this.#start();
    this.#worker.postMessage(program);
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#planId = null;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = this.#options.start?.() ?? startThread(import.meta.url, 'solver-thread');
    // It keeps no process alive that has nothing else to do.
    worker.unref();
    // The thread only sends what `openHighs` returns.
    worker.on('message', (solution: Solution) => this.#answer(worker, solution));
    worker.on('error', (error) => this.#fail(worker, error.message));
    worker.on('exit', (code) => this.#fail(worker, `its thread ended (${code})`));
    return worker;
  }

  #answer(worker: Worker, solution: Solution): void {
    if (worker !== this.#worker || this.#planId === null) return;
    const planId = this.#planId;
    this.#planId = null;
    this.#options.post({ kind: 'planSolved', planId, solution });
  }

  #fail(worker: Worker, why: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    const planId = this.#planId;
    this.#planId = null;
    if (planId === null) return;
    this.#options.log('a plan was not solved: the balance rule places instead', { planId, why });
    this.#options.post({ kind: 'planFailed', planId });
  }

  #giveUp(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}

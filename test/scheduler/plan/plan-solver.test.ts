// The solver in its thread: answers, programs without a solution, and threads that die.

import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { PlanSolver } from '../../../scheduler/adapters/plan/plan-solver.ts';
import type { LinearProgram, PlanFailed, PlanSolved } from '../../../scheduler/core/index.ts';

/** Minimise x, where x is at least 3. */
const program: LinearProgram = {
  ...{ costs: [1], starts: [0, 1], indices: [0], values: [1] },
  ...{ lower: [3], upper: [Number.POSITIVE_INFINITY] },
};
/** And at most 2. */
const impossible: LinearProgram = {
  ...{ costs: [1], starts: [0, 1, 2], indices: [0, 0], values: [1, 1] },
  ...{ lower: [3, 0], upper: [Number.POSITIVE_INFINITY, 2] },
};

type Answer = PlanSolved | PlanFailed;

let solver: PlanSolver | undefined;
afterEach(() => solver?.stop());

/** A solver, and its answers one after another. */
function open(start?: () => Worker): () => Promise<Answer> {
  const answers: Answer[] = [];
  let wake = (): void => undefined;
  solver = new PlanSolver({
    post: (answer) => {
      answers.push(answer);
      wake();
    },
    log: () => undefined,
    ...(start === undefined ? {} : { start }),
  });
  return async () => {
    while (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    const [first] = answers.splice(0, 1);
    if (first === undefined) throw new Error('no answer');
    return first;
  };
}

it('solves one plan after another in one thread', async () => {
  const answer = open();
  for (const planId of [1, 2]) {
    solver?.solve({ kind: 'solvePlan', planId, program });
    expect(await answer()).toMatchObject({
      kind: 'planSolved',
      planId,
      solution: { columns: [3] },
    });
  }
});

it('solves from the bundle, with its WebAssembly beside it', async () => {
  const answer = open(() => new Worker('./dist/scheduler/bin/solver-thread.cjs'));
  solver?.solve({ kind: 'solvePlan', planId: 1, program });
  expect(await answer()).toMatchObject({ kind: 'planSolved', planId: 1 });
});

it('says that a program has no solution, and solves the next one', async () => {
  const answer = open();
  solver?.solve({ kind: 'solvePlan', planId: 1, program: impossible });
  expect(await answer()).toEqual({ kind: 'planFailed', planId: 1 });
  solver?.solve({ kind: 'solvePlan', planId: 2, program });
  expect(await answer()).toMatchObject({ kind: 'planSolved', planId: 2 });
});

it('says so when its thread dies over a program', async () => {
  const answer = open(
    () =>
      new Worker("require('worker_threads').parentPort.once('message', () => process.exit(7))", {
        eval: true,
      }),
  );
  for (const planId of [1, 2]) {
    solver?.solve({ kind: 'solvePlan', planId, program });
    expect(await answer()).toEqual({ kind: 'planFailed', planId });
  }
});

it('gives up one that is still being solved when another is asked for', async () => {
  let starts = 0;
  const answer = open(() => {
    starts += 1;
    const hangs = starts === 1 ? 'for (;;);' : 'p.postMessage({ columns: [3], rowDuals: [] });';
    return new Worker(
      `const p = require('worker_threads').parentPort; p.on('message', () => { ${hangs} })`,
      { eval: true },
    );
  });
  solver?.solve({ kind: 'solvePlan', planId: 1, program });
  solver?.solve({ kind: 'solvePlan', planId: 2, program });
  expect(await answer()).toMatchObject({ kind: 'planSolved', planId: 2 });
});

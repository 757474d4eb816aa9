// HiGHS, compiled to WebAssembly, as a solver of the plan's linear program. It is synchronous: a
// scheduler that serves others calls it in a worker.

import exported from 'highs';
import type { LinearProgram, Solution } from '../../core/index.ts';

/** The program has no solution, or none was found. */
export class SolverError extends Error {
  override readonly name = 'SolverError';
  readonly code = 'unsolved';
}

export type Solve = (program: LinearProgram) => Solution;

// Its types are those of CommonJS, in which the loader would be one level deeper than it is.
const loadHighs = exported as unknown as typeof exported.default;

/**
 * The dual simplex method, without looking for rows and columns that could be left out first: in
 * programs of the plan there are none, and what HiGHS does of itself takes two to ten times as long.
 */
const options = { solver: 'simplex', presolve: 'off' } as const;

export async function openHighs(): Promise<Solve> {
  const highs = await loadHighs();
  const model = highs.raw.createModel();
  for (const [name, value] of Object.entries(options)) model.setOptionValue(name, value);
  return (program) => {
    const { columns, starts, indices, values, lower, upper } = program;
    const rows = lower.length;
    model.passLp({
      numCols: columns,
      numRows: rows,
      colCost: [1, ...new Array<number>(columns - 1).fill(0)],
      colLower: new Array<number>(columns).fill(0),
      colUpper: new Array<number>(columns).fill(highs.infinity),
      rowLower: lower,
      rowUpper: upper,
      matrix: { format: 'csr', numRows: rows, numCols: columns, starts, indices, values },
    });
    model.run();
    // A program that it refuses has not become optimal either.
    const status = model.getModelStatus();
    const { value } = model.getSolution();
    if (status !== highs.constants.modelStatus.optimal || value === undefined) {
      throw unsolved(`HiGHS ends with status ${status}`);
    }
    const { colValue, rowDual } = value;
    return { columns: [...colValue], rowDuals: [...rowDual] };
  };
}

function unsolved(why: string): SolverError {
  return new SolverError(`The linear program of the plan has no solution: ${why}.`);
}

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

export async function openHighs(): Promise<Solve> {
  const highs = await loadHighs();
  return (program) => {
    const { costs, starts, indices, values, lower, upper } = program;
    const columns = costs.length;
    const rows = lower.length;
    const { value, status } = highs.raw.lpCall({
      numCols: columns,
      numRows: rows,
      colCost: costs,
      colLower: new Array<number>(columns).fill(0),
      colUpper: new Array<number>(columns).fill(highs.infinity),
      rowLower: lower,
      rowUpper: upper,
      matrix: { format: 'csr', numRows: rows, numCols: columns, starts, indices, values },
    });
    if (status === highs.constants.status.error) throw unsolved(`HiGHS refuses it (${status})`);
    if (value.modelStatus !== highs.constants.modelStatus.optimal) {
      throw unsolved(`HiGHS ends with status ${value.modelStatus}`);
    }
    const { colValue, rowDual } = value.solution;
    return { columns: [...colValue], rowDuals: [...rowDual] };
  };
}

function unsolved(why: string): SolverError {
  return new SolverError(`The linear program of the plan has no solution: ${why}.`);
}

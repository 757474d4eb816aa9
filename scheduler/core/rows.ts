// The rows of numbers in which grants and ends are journalled. A published column never changes its
// meaning; a new one means a new version of the facts.

/** [job number, task index, node number, reason code, CPU seconds, link seconds] */
export const leasedRowLength = 6;
/** [lease id, end code (index of `endCodes`), exit code, CPU ms, next state of the task] */
export const endedRowLength = 5;
/** [lease id, next state of the task (index of `taskStates`), unless another attempt is in force] */
export const voidedRowLength = 2;

/** Cuts rows out of a fact's flat array. */
export function* rowsOf(flat: readonly number[], length: number): Generator<readonly number[]> {
  for (let start = 0; start + length <= flat.length; start += length) {
    yield flat.slice(start, start + length);
  }
}

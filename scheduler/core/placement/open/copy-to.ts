// Columns by number of the node grow by copying: here, so that each file of columns need not.

type Column = Uint8Array | Uint32Array | Int32Array | Float64Array;

/** The larger column, with what the smaller one has. */
export function copyTo<T extends Column>(target: T, from: T): T {
  target.set(from);
  return target;
}

// A column that has become too short is copied into a longer one.

type Column = Uint8Array | Int32Array | Uint32Array | Float64Array;

export function grown<T extends Column>(column: T, length: number): T;
export function grown(column: Column, length: number): Column {
  const longer = emptyLike(column, length);
  longer.set(column);
  return longer;
}

function emptyLike(column: Column, length: number): Column {
  if (column instanceof Float64Array) return new Float64Array(length);
  if (column instanceof Int32Array) return new Int32Array(length);
  if (column instanceof Uint32Array) return new Uint32Array(length);
  return new Uint8Array(length);
}

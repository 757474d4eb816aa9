// A column that has become too short is copied into a longer one.

export function grown<T extends Float64Array | Int32Array | Uint8Array>(
  column: T,
  length: number,
): T;
export function grown(
  column: Float64Array | Int32Array | Uint8Array,
  length: number,
): Float64Array | Int32Array | Uint8Array {
  const longer = emptyLike(column, length);
  longer.set(column);
  return longer;
}

function emptyLike(
  column: Float64Array | Int32Array | Uint8Array,
  length: number,
): Float64Array | Int32Array | Uint8Array {
  if (column instanceof Float64Array) return new Float64Array(length);
  if (column instanceof Int32Array) return new Int32Array(length);
  return new Uint8Array(length);
}

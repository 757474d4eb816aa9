// The little statistics that reports need.

export function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** Sorts the values. */
export function spreadOf(values: Float64Array): Spread {
  values.sort();
  const at = (part: number): number =>
    values[Math.min(values.length - 1, Math.ceil(part * values.length) - 1)] ?? 0;
  return { mean: sumOf(values) / Math.max(1, values.length), p50: at(0.5), p99: at(0.99) };
}

/** Sorts the values; returns the least, and for each of so many equal parts the most in it. */
export function quantilesOf(values: Float64Array, parts: number): readonly number[] {
  values.sort();
  return Array.from({ length: parts + 1 }, (_, part) => {
    return values[Math.max(0, Math.ceil((part * values.length) / parts) - 1)] ?? 0;
  });
}

/** How alike values are (Jain, Chiu and Hawe, DEC-TR-301, 1984). */
export function jainIndex(values: readonly number[]): number {
  return sumOf(values) ** 2 / (values.length * sumOf(values.map((value) => value ** 2)));
}

/** 97.5 % points of Student's t for 1, 2, … degrees of freedom. */
const tPoints = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];

export interface Interval {
  readonly mean: number;
  /** The mean is within so much of the true one, 95 times of 100; null: one value tells nothing. */
  readonly half: number | null;
}

/** The mean with its 95 % interval, as if the values were drawn from a normal distribution. */
export function meanInterval(values: readonly number[]): Interval {
  const count = values.length;
  const mean = sumOf(values) / count;
  if (count < 2) return { mean, half: null };
  const variance = sumOf(values.map((value) => (value - mean) ** 2)) / (count - 1);
  // Beyond the table, the last point errs on the wide side.
  const t = tPoints[Math.min(count - 1, tPoints.length) - 1] ?? 0;
  return { mean, half: t * Math.sqrt(variance / count) };
}

// Quantities with units, as people write them in job files: "64 MB", "10 min", "20 GHz*s".

export interface Unit {
  /** What the quantity is, for messages: "an amount of memory such as 64 MB". */
  readonly wanted: string;
  readonly factors: Readonly<Record<string, number>>;
}

export const bytes: Unit = {
  wanted: 'bytes with a unit, such as 64 MB (B, kB, MB, GB, KiB, MiB, GiB)',
  factors: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
};

/** Milliseconds. */
export const span: Unit = {
  wanted: 'a time with a unit, such as 10 min (s, min, h, days)',
  factors: {
    ...{ ms: 1, s: 1e3, min: 6e4, h: 3.6e6 },
    ...{ day: 8.64e7, days: 8.64e7, d: 8.64e7, m: 6e4 },
  },
};

/** GHz·s of a Cortex-A53. */
export const work: Unit = {
  wanted: 'work with a unit, such as 20 GHz*s (GHz*s, GHz*min, GHz*h)',
  factors: {
    ...{ 'GHz*s': 1, 'GHz*min': 60, 'GHz*h': 3600 },
    ...{ 'GHz·s': 1, 'GHz·min': 60, 'GHz·h': 3600 },
  },
};

/** Bit/s. */
export const rate: Unit = {
  wanted: 'a rate with a unit, such as 20 Mbit/s (kbit/s, Mbit/s, Gbit/s)',
  factors: { 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6, 'Gbit/s': 1e9 },
};

/** The number in the unit's base, or null when the text is not such a quantity. */
export function parseQuantity(text: string, unit: Unit): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z·*/]+)\s*$/.exec(text);
  const factor = match === null ? undefined : unit.factors[match[2] ?? ''];
  if (match === null || factor === undefined) return null;
  return Number(match[1]) * factor;
}

/** The shortest exact text of a number of base units, for showing a job as it was submitted. */
export function formatQuantity(value: number, unit: Unit): string {
  let best = ['', 1] as readonly [string, number];
  for (const [name, factor] of Object.entries(unit.factors)) {
    if (best[0] === '' || (factor > best[1] && value > 0 && value % factor === 0)) {
      best = [name, factor];
    }
  }
  return `${value / best[1]} ${best[0]}`;
}

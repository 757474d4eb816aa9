// Quantities with units, as people write them in job files: "64 MB", "10 min", "20 GHz*s".

export interface Unit {
  /** What the quantity is, for messages: "an amount of memory such as 64 MB". */
  readonly wanted: string;
  readonly factors: Readonly<Record<string, number>>;
  /** What people write for a unit, in lower case, and the unit that they mean. */
  readonly slips: Readonly<Record<string, string>>;
  /** What is written for bytes, and the unit for an eighth of it. */
  readonly bytes?: Readonly<Record<string, string>>;
}

export const bytes: Unit = {
  wanted: 'bytes with a unit, such as 64 MB (B, kB, MB, GB, KiB, MiB, GiB)',
  factors: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
  slips: {
    ...{ byte: 'B', bytes: 'B', k: 'kB', m: 'MB', g: 'GB' },
    ...{ ki: 'KiB', mi: 'MiB', gi: 'GiB' },
  },
};

/** Milliseconds. */
export const span: Unit = {
  wanted: 'a time with a unit, such as 10 min (s, min, h, days)',
  factors: {
    ...{ ms: 1, s: 1e3, min: 6e4, h: 3.6e6 },
    ...{ day: 8.64e7, days: 8.64e7, d: 8.64e7, m: 6e4 },
  },
  slips: {
    ...{ sec: 's', secs: 's', second: 's', seconds: 's', mins: 'min', minute: 'min' },
    ...{ minutes: 'min', hr: 'h', hrs: 'h', hour: 'h', hours: 'h' },
  },
};

/** GHz·s of a Cortex-A53. */
export const work: Unit = {
  wanted: 'work with a unit, such as 20 GHz*s (GHz*s, GHz*min, GHz*h)',
  factors: {
    ...{ 'GHz*s': 1, 'GHz*min': 60, 'GHz*h': 3600 },
    ...{ GHz·s: 1, GHz·min: 60, GHz·h: 3600 },
  },
  slips: { ghz: 'GHz*s', ghzs: 'GHz*s', 'ghz/s': 'GHz*s', ghzmin: 'GHz*min', ghzh: 'GHz*h' },
};

/** GHz of a Cortex-A53. */
export const speed: Unit = {
  wanted: 'a speed with a unit, such as 0.5 GHz (MHz, GHz)',
  factors: { GHz: 1, MHz: 1e-3 },
  slips: { 'ghz*s': 'GHz' },
};

/** Bit/s. */
export const rate: Unit = {
  wanted: 'a rate with a unit, such as 20 Mbit/s (kbit/s, Mbit/s, Gbit/s)',
  factors: { 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6, 'Gbit/s': 1e9 },
  slips: {
    ...{ bps: 'bit/s', kbps: 'kbit/s', mbps: 'Mbit/s', gbps: 'Gbit/s' },
    ...{ kbit: 'kbit/s', mbit: 'Mbit/s', gbit: 'Gbit/s', 'kb/s': 'kbit/s', 'mb/s': 'Mbit/s' },
  },
  bytes: { 'B/s': 'bit/s', 'kB/s': 'kbit/s', 'KB/s': 'kbit/s', 'MB/s': 'Mbit/s', 'GB/s': 'Gbit/s' },
};

const quantity = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z·*/]+)\s*$/;

/** The number in the unit's base, or null when the text is not such a quantity. */
export function parseQuantity(text: string, unit: Unit): number | null {
  const match = quantity.exec(text);
  const factor = match === null ? undefined : unit.factors[match[2] ?? ''];
  if (match === null || factor === undefined) return null;
  return Number(match[1]) * factor;
}

/** What to say of a text that is not such a quantity. */
export function wrongQuantity(text: string, unit: Unit): string {
  const [, number = '', name = ''] = quantity.exec(text) ?? [];
  const lower = name.toLowerCase();
  const meant =
    unit.slips[lower] ?? Object.keys(unit.factors).find((known) => known.toLowerCase() === lower);
  const bits = unit.bytes?.[name];
  const guess = bits === undefined ? `${number} ${meant}` : `${8 * Number(number)} ${bits}`;
  const hint = meant === undefined && bits === undefined ? '' : `: did you mean ${guess}?`;
  return `wanted ${unit.wanted}, found "${text}"${hint}`;
}

/** The shortest exact text of a number of base units, for showing a job as it was submitted. */
export function formatQuantity(value: number, unit: Unit): string {
  let best = ['', 1] as readonly [string, number];
  for (const [name, factor] of Object.entries(unit.factors)) {
    if (best[0] === '' || (factor > best[1] && value > 0 && value % factor === 0)) {
      best = [name, factor];
    }
  }
  const [name, factor] = best;
  return `${value / factor} ${name === 'day' && value > factor ? 'days' : name}`;
}

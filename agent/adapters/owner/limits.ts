// The owner's limits: a JSON file that is law. A mistake in it is told, and no task starts; of a name that it does not
// know, which a newer command line may have written, an agent that runs tells too, and keeps to the rest.

import { readFileSync } from 'node:fs';

export interface Limits {
  readonly isPaused: boolean;
  /** Hours in which tasks may run, local time, "22:00" to "07:00"; empty: always. */
  readonly hours: readonly (readonly [string, string])[];
  /** Tasks at once; null: as many as the node has slots. */
  readonly slots: number | null;
  /** Part of its core that a task may use. */
  readonly cpuShare: number;
  /** For all tasks together; null: what the node has. */
  readonly memoryBytes: number | null;
  readonly temperatureC: number;
  /** Free disk that stays free. */
  readonly diskReserveBytes: number;
  /** Space for blobs and unpacked bundles. */
  readonly cacheBytes: number;
  /** What the owner says of the uplink, bit/s; null: nothing. */
  readonly uplink: { readonly downBps: number; readonly upBps: number } | null;
  /** Part of that uplink that this node may use. */
  readonly uplinkShare: number;
  /** What it may give to other Pis of its LAN, and take from them, bit/s each; null: no limit. */
  readonly lanBps: number | null;
  /** Through the tunnel in a calendar month, both ways, for all Pis of the household together. */
  readonly monthlyBytes: number;
  /** Researchers whose tasks do not run here, by name. */
  readonly refuses: readonly string[];
  /** Whether tasks may reach the internet from here, through a proxy; never what is near. */
  readonly allowsInternet: boolean;
  /** A code that all nodes at one place have; null: nothing is said. */
  readonly household: string | null;
  /** Where apt asks for packages, which then come through the site's exchange; null: apt is left alone. */
  readonly aptPort: number | null;
}

/** Names in `refuses`: a report carries them. */
export const mostRefused = 32;

/** Two chunks of 1 MiB at a time come within the time after which a peer is given up. */
export const leastLanBps = 2_000_000;

/** What holds where the file says nothing: safe before the owner reads the manual. */
export const defaultLimits: Limits = {
  isPaused: false,
  hours: [],
  slots: null,
  cpuShare: 1,
  memoryBytes: null,
  temperatureC: 70,
  diskReserveBytes: 200_000_000,
  cacheBytes: 1_000_000_000,
  uplink: null,
  uplinkShare: 0.25,
  lanBps: null,
  monthlyBytes: 10_000_000_000,
  refuses: [],
  allowsInternet: false,
  household: null,
  aptPort: null,
};

export class LimitsError extends Error {
  override readonly name = 'LimitsError';
}

/** The object in the file; an empty one without a file. Throws LimitsError when it is none. */
export function readLimitsFile(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new LimitsError(`${file} can't be read: ${String(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LimitsError(`${file} is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new LimitsError(`${file}: wanted an object such as {"isPaused": false}`);
}

/** Reads the file; where it says nothing the defaults hold. Throws LimitsError naming the field. */
export function readLimits(file: string): Limits {
  return parseLimits(readLimitsFile(file), file);
}

/** As `readLimits`, but names that are no limits are returned, not refused. Throws LimitsError naming the field. */
export function readKnownLimits(file: string): {
  readonly limits: Limits;
  readonly unknown: readonly string[];
} {
  const fields = readLimitsFile(file);
  return { limits: parseKnown(fields, file), unknown: unknownIn(fields) };
}

/** Checks the fields against the schema. Throws LimitsError naming the field. */
export function parseLimits(fields: Readonly<Record<string, unknown>>, file: string): Limits {
  const [name] = unknownIn(fields);
  if (name === undefined) return parseKnown(fields, file);
  const known = Object.keys(defaultLimits).join(', ');
  throw new LimitsError(`${file}: there is no limit "${name}"; there are ${known}`);
}

function unknownIn(fields: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(fields).filter((name) => !Object.hasOwn(defaultLimits, name));
}

function parseKnown(fields: Readonly<Record<string, unknown>>, file: string): Limits {
  const reader = new FieldReader(fields, file);
  return {
    isPaused: reader.boolean('isPaused'),
    hours: reader.hours(),
    slots: reader.isSet('slots') ? Math.floor(reader.number('slots', 0)) : null,
    cpuShare: reader.number('cpuShare', 0.05, 1),
    memoryBytes: reader.isSet('memoryBytes') ? reader.number('memoryBytes', 0) : null,
    temperatureC: reader.number('temperatureC', 30),
    diskReserveBytes: reader.number('diskReserveBytes', 0),
    cacheBytes: reader.number('cacheBytes', 0),
    uplink: reader.uplink(),
    uplinkShare: reader.number('uplinkShare', 0.01, 1),
    lanBps: reader.isSet('lanBps') ? reader.number('lanBps', leastLanBps) : null,
    monthlyBytes: reader.number('monthlyBytes', 0),
    refuses: reader.names('refuses'),
    allowsInternet: reader.boolean('allowsInternet'),
    household: reader.household(),
    aptPort: reader.isSet('aptPort') ? Math.floor(reader.number('aptPort', 1_024, 65_535)) : null,
  };
}

class FieldReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #file: string;

  constructor(fields: Readonly<Record<string, unknown>>, file: string) {
    this.#fields = fields;
    this.#file = file;
  }

  isSet(name: keyof Limits): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  #value(name: keyof Limits): unknown {
    return this.isSet(name) ? this.#fields[name] : defaultLimits[name];
  }

  #wrong(name: keyof Limits, wanted: string): never {
    const found = JSON.stringify(this.#fields[name]);
    throw new LimitsError(`${this.#file}: ${name}: wanted ${wanted}, found ${found}`);
  }

  boolean(name: keyof Limits): boolean {
    const value = this.#value(name);
    return typeof value === 'boolean' ? value : this.#wrong(name, 'true or false');
  }

  number(name: keyof Limits, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#value(name);
    if (typeof value === 'number' && value >= least && value <= most) return value;
    const wanted = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    return this.#wrong(name, `a number, ${wanted}`);
  }

  hours(): Limits['hours'] {
    const wanted = 'pairs of times such as [["22:00", "07:00"]]';
    const value = this.#value('hours');
    if (!Array.isArray(value)) return this.#wrong('hours', wanted);
    return value.map((pair: unknown) => {
      if (Array.isArray(pair) && pair.length === 2 && pair.every(isTime)) {
        return [String(pair[0]), String(pair[1])] as const;
      }
      return this.#wrong('hours', wanted);
    });
  }

  names(name: 'refuses'): readonly string[] {
    const value = this.#value(name);
    const isList = Array.isArray(value) && value.every((each) => typeof each === 'string');
    if (isList && value.length <= mostRefused) return value.map(String);
    return this.#wrong(name, `at most ${mostRefused} names such as ["alice"]`);
  }

  household(): string | null {
    const value = this.#value('household');
    if (value === null || (typeof value === 'string' && /^[0-9a-f]{32}$/.test(value))) return value;
    return this.#wrong('household', 'a code of `punnet-agent household`');
  }

  uplink(): Limits['uplink'] {
    const value = this.#value('uplink');
    if (value === null) return null;
    const { downBps, upBps } = value as { downBps?: unknown; upBps?: unknown };
    if (isRate(downBps) && isRate(upBps)) return { downBps, upBps };
    return this.#wrong('uplink', 'bit/s such as {"downBps": 20000000, "upBps": 4000000}');
  }
}

function isTime(text: unknown): boolean {
  return typeof text === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}

function isRate(rate: unknown): rate is number {
  return typeof rate === 'number' && rate > 0 && Number.isFinite(rate);
}

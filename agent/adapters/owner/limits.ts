// The owner's limits: a JSON file that is law. A mistake in it is told, and no task starts.

import { readFileSync } from 'node:fs';

export interface Limits {
  readonly isPaused: boolean;
  /** Hours in which tasks may run, local time, "22:00" to "07:00"; empty: always. */
  readonly hours: readonly (readonly [string, string])[];
  /** null: as many as the node has. */
  readonly slots: number | null;
  readonly temperatureC: number;
  /** Free disk that stays free. */
  readonly diskReserveBytes: number;
  /** Space for blobs. */
  readonly cacheBytes: number;
  /** What the owner says of the uplink, bit/s; null: nothing. */
  readonly uplink: { readonly downBps: number; readonly upBps: number } | null;
}

export const defaultLimits: Limits = {
  isPaused: false,
  hours: [],
  slots: null,
  temperatureC: 70,
  diskReserveBytes: 200_000_000,
  cacheBytes: 1_000_000_000,
  uplink: null,
};

export class LimitsError extends Error {
  override readonly name = 'LimitsError';
}

/** Reads the file; without one the defaults hold. Throws LimitsError naming the field. */
export function readLimits(file: string): Limits {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return defaultLimits;
    throw new LimitsError(`${file} can't be read: ${String(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LimitsError(`${file} is not JSON: ${(error as Error).message}`);
  }
  return parseLimits(value, file);
}

/** Checks a value against the schema. Throws LimitsError naming the field. */
export function parseLimits(value: unknown, file: string): Limits {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LimitsError(`${file}: wanted an object such as {"isPaused": false}`);
  }
  const fields = new Map(Object.entries(value));
  for (const name of fields.keys()) {
    if (name in defaultLimits) continue;
    const known = Object.keys(defaultLimits).join(', ');
    throw new LimitsError(`${file}: there is no limit "${name}"; there are ${known}`);
  }
  const wrong = (name: string, wanted: string): never => {
    throw new LimitsError(
      `${file}: ${name}: wanted ${wanted}, found ${JSON.stringify(fields.get(name))}`,
    );
  };
  const number = (name: keyof Limits, least: number, otherwise: number): number => {
    const found: unknown = fields.get(name) ?? otherwise;
    if (typeof found !== 'number' || !(found >= least)) {
      return wrong(name, `a number, ${least} or more`);
    }
    return found;
  };
  const isPaused: unknown = fields.get('isPaused') ?? false;
  if (typeof isPaused !== 'boolean') return wrong('isPaused', 'true or false');
  return {
    isPaused,
    hours: parseHours(fields.get('hours') ?? [], wrong),
    slots: fields.get('slots') === undefined ? null : Math.floor(number('slots', 0, 0)),
    temperatureC: number('temperatureC', 30, defaultLimits.temperatureC),
    diskReserveBytes: number('diskReserveBytes', 0, defaultLimits.diskReserveBytes),
    cacheBytes: number('cacheBytes', 0, defaultLimits.cacheBytes),
    uplink: parseUplink(fields.get('uplink'), wrong),
  };
}

type Wrong = (name: string, wanted: string) => never;

function parseHours(value: unknown, wrong: Wrong): Limits['hours'] {
  const wanted = 'pairs of times such as [["22:00", "07:00"]]';
  if (!Array.isArray(value)) return wrong('hours', wanted);
  return value.map((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(isTime)) {
      return wrong('hours', wanted);
    }
    return [String(pair[0]), String(pair[1])] as const;
  });
}

function isTime(text: unknown): boolean {
  return typeof text === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}

function parseUplink(value: unknown, wrong: Wrong): Limits['uplink'] {
  if (value === undefined || value === null) return null;
  const { downBps, upBps } = value as { downBps?: unknown; upBps?: unknown };
  const isRate = (rate: unknown): rate is number => typeof rate === 'number' && rate > 0;
  if (isRate(downBps) && isRate(upBps)) return { downBps, upBps };
  return wrong('uplink', 'rates in bit/s such as {"downBps": 20000000, "upBps": 4000000}');
}

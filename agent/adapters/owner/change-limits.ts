// `punnet-agent limits --lan RATE --uplink-share PART --internet on`: the limits that most owners set, without an editor.

import { LimitsError, parseLimits, readLimitsFile } from './limits.ts';

/** What the owner typed; undefined: nothing of it. */
export interface LimitWords {
  /** "20 Mbit/s", or "none". */
  readonly lan: string | undefined;
  /** "0.1" or "10%". */
  readonly uplinkShare: string | undefined;
  /** "on" or "off". */
  readonly internet?: string | undefined;
}

const bitsPerSecond: Readonly<Record<string, number>> = { kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };

/** The limits file as it is to be; null: nothing was typed. Throws LimitsError for a wrong file or word. */
export function changeLimits(
  file: string,
  { lan, uplinkShare, internet }: LimitWords,
): string | null {
  if (lan === undefined && uplinkShare === undefined && internet === undefined) return null;
  const before = readLimitsFile(file);
  // A file that is wrong already is named before a word is.
  parseLimits(before, file);
  const fields = {
    ...before,
    ...(lan === undefined ? {} : { lanBps: lan === 'none' ? null : rateOf(lan) }),
    ...(uplinkShare === undefined ? {} : { uplinkShare: partOf(uplinkShare) }),
    ...(internet === undefined ? {} : { allowsInternet: isOn(internet) }),
  };
  parseLimits(fields, 'limits');
  return `${JSON.stringify(fields, null, 2)}\n`;
}

function isOn(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new LimitsError(`--internet: wanted on or off, found ${text}`);
}

function rateOf(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kMG]bit)\/s$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * (bitsPerSecond[unit] ?? Number.NaN);
  throw new LimitsError(
    `--lan: wanted a rate such as "20 Mbit/s" (kbit/s, Mbit/s, Gbit/s), or none, found ${text}`,
  );
}

function partOf(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) / (percent === '%' ? 100 : 1);
  throw new LimitsError(
    `--uplink-share: wanted a part of your line such as 0.1 or 10%, found ${text}`,
  );
}

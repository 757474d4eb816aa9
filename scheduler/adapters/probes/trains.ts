// How long trains are, and what they say together. Pure.

import { trainPacketBytes } from '../../../proto/trains.ts';

/**
 * Of a probe in one direction: of at most 1,300 bytes on the line, 146 kB, so that with the packet before them, and all
 * words and answers, it stays below 150 kB.
 */
export const packetsMost = 112;
/** Packets of a train; the longest so that three of them and a first short one are the most that there may be. */
const lengths = [10, 20, 34] as const;
/** A train keeps the line busy for no longer than this, if a shorter one would do. */
const trainMs = 100;
/** Of a train that is judged by its times, the part that was seen one by one: of others a busy machine has read lumps. */
const clearPart = 0.2;
/** So many trains that agree so well are enough. */
const enoughTrains = 3;
const agreeing = 0.05;
/** Of trains in a row that brought nothing, the last: on a line that others fill, words and trains get lost. */
const silentMost = 4;

/** How a train came. */
export interface Came {
  /** Packets that were sent. */
  readonly sent: number;
  /** Nothing of it was lost, and whoever says so has had it. */
  readonly isWhole: boolean;
  /** Packets after the first of the span, µs; 0: too little came. */
  readonly spanMicros: number;
  readonly spanCount: number;
  /** Packets that were seen one by one. */
  readonly seen: number;
  /** From its first packet, or the word that asked for it, to its last or the answer, less the time that one packet alone takes, µs. */
  readonly ownMicros: number;
}

/** Packets of the next train; null: it is enough. */
export function nextLength(came: readonly Came[]): number | null {
  const left = packetsMost - came.reduce((sum, { sent }) => sum + sent, 0);
  const silent = came.slice(-silentMost).filter(({ spanCount }) => spanCount === 0);
  if (silent.length === silentMost || isEnough(came)) return null;
  const wanted = wantedLength(came);
  return wanted <= left ? wanted : null;
}

/** As long as the line carries in a tenth of a second, and shorter than what it lost some of. */
function wantedLength(came: readonly Came[]): number {
  const bps = estimateOf(came);
  const fits = bps === null ? 0 : (bps * trainMs) / 8_000 / trainPacketBytes;
  const lost = came.filter(({ isWhole }) => !isWhole).map(({ sent }) => sent);
  const below = Math.min(...lost);
  const possible = lengths.filter((length) => length <= fits && length < below);
  return possible.at(-1) ?? lengths[0];
}

function isEnough(came: readonly Came[]): boolean {
  const bps = estimateOf(came);
  if (bps === null) return false;
  const wanted = wantedLength(came);
  const near = came.filter(
    (each) => each.sent >= wanted && Math.abs(rateOf(each) - bps) <= agreeing * bps,
  );
  return near.length >= enoughTrains;
}

/**
 * Payload, bit/s: the median of trains that are not much shorter than the longest, or of the longest if they were slower, since
 * lines let short ones through at once; of those that came whole, if there are such, and were not read in lumps. Where
 * all were, as on a line that is faster than a program reads, what it carried at least, by the clock of the end that leads. Null:
 * nothing can be told.
 */
export function estimateOf(came: readonly Came[]): number | null {
  const told = came.filter(({ spanCount }) => spanCount > 0);
  const whole = some(told, ({ isWhole }) => isWhole);
  if (whole.length === 0) return null;
  const longest = Math.max(...whole.map(({ sent }) => sent));
  const long = whole.filter(({ sent }) => 2 * sent >= longest);
  const clear = long.filter(({ sent, seen }) => seen >= clearPart * sent);
  if (clear.length === 0) return Math.max(...long.map(leastOf));
  const longestClear = Math.max(...clear.map(({ sent }) => sent));
  return Math.min(medianOf(clear.filter(({ sent }) => sent === longestClear)), medianOf(clear));
}

/** Of two, the lower: other traffic makes a train a little slower, a busy machine many times faster. */
function medianOf(came: readonly Came[]): number {
  const rates = came.map(rateOf).sort((a, b) => a - b);
  return rates[(rates.length - 1) >> 1] ?? Number.POSITIVE_INFINITY;
}

/** It can't have been slower, and was hardly that fast. */
function leastOf(came: Came): number {
  const own = rateOf({ spanMicros: came.ownMicros, spanCount: came.sent - 1 });
  return Math.min(rateOf(came), own);
}

/** Those that are so; all if none is. */
function some(came: readonly Came[], isSo: (each: Came) => boolean): readonly Came[] {
  const found = came.filter(isSo);
  return found.length > 0 ? found : came;
}

/** Payload, bit/s. */
export function rateOf({ spanMicros, spanCount }: Pick<Came, 'spanMicros' | 'spanCount'>): number {
  return (spanCount * trainPacketBytes * 8e6) / spanMicros;
}

// How values look: tables, sizes, rates, times. Colours only on a terminal and without NO_COLOR.
import Table from 'cli-table3';
import pc from 'picocolors';
import type { CliIo } from './io.ts';

type Paint = ReturnType<typeof pc.createColors>;

/** Colours for this output, or none. */
export function paintFor(io: CliIo): Paint {
  const isPlain = (io.env['NO_COLOR'] ?? '') !== '';
  return pc.createColors(io.isTty && !isPlain);
}

/** A table without lines: columns are parted by two blanks, so that awk and people can read it. */
export function table(io: CliIo, head: readonly string[], rows: readonly string[][]): string {
  const paint = paintFor(io);
  const none = Object.fromEntries(borderNames.map((name) => [name, '']));
  const drawn = new Table({
    head: head.map((text) => paint.bold(text.toUpperCase())),
    chars: { ...none, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) drawn.push(row.map((cell) => (cell === '' ? '-' : cell)));
  return drawn.toString().replaceAll(/ +$/gm, '') + '\n';
}

const borderNames = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
];

/** Names and values, one pair a line. */
export function facts(io: CliIo, pairs: readonly (readonly [string, string])[]): string {
  const paint = paintFor(io);
  const shown = pairs.filter(([, value]) => value !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${paint.dim(name.padEnd(width))}  ${value}\n`).join('');
}

/** "1 file", "2 files". */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Bytes as "12.3 MB" (1 MB is 1,000,000 bytes). */
export function bytesText(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** Bit/s as "20 Mbit/s". */
export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']);
}

/** A span as "2 h 5 min"; at most two units. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** An instant (ms since the epoch) as "2026-01-31 12:00:00Z"; 0 is "". */
export function timeText(unixMs: number): string {
  if (unixMs === 0) return '';
  return new Date(unixMs)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
}

/** The member's name of an enum value, in lower case. */
export function enumText(names: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(names).find(([, number]) => number === value);
  return found === undefined ? `unknown (${value})` : found[0].toLowerCase().replaceAll('_', ' ');
}

/** Text of others (logs, names) without control characters that could play with the terminal. */
export function safeText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what it takes out
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value;
  let step = 0;
  while (rest >= 1000 && step < units.length - 1) {
    rest /= 1000;
    step += 1;
  }
  const digits = rest >= 100 || Number.isInteger(rest) ? 0 : 1;
  return `${rest.toFixed(digits)} ${units[step] ?? ''}`;
}

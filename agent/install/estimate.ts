// What a donation costs its owner, said before anything is installed. Pure; each figure says whose it
// is. `deploy/install.sh` says the same before there is a Node.js: a test holds the two together.

import { defaultLimits } from '../adapters/owner/limits.ts';

/** Watts at the socket, idle and with all cores busy: pidramble.com, Raspberry Pi OS Lite, nothing plugged in. */
const boards: readonly (readonly [start: string, idleWatts: number, busyWatts: number])[] = [
  ['Raspberry Pi Zero 2', 0.6, Number.NaN],
  ['Raspberry Pi Zero', 0.4, 1.2],
  ['Raspberry Pi 2 Model B', 1.1, 2.1],
  ['Raspberry Pi 3 Model B Plus', 1.9, 5.1],
  ['Raspberry Pi 3 Model B', 1.4, 3.7],
  ['Raspberry Pi 4 Model B', 2.7, 6.4],
];

/** Pings (294 kB a day) and a report each three minutes, on a tunnel in the lab (docs/operating.md). */
const idleMegabytesAMonth = 15;
/** Three probes a day, of 300 kB, for all nodes at a line together. */
const probeMegabytesAMonth = 28;
/** Resident set of the agent on an emulated Pi 1 with Node.js 18. */
const agentMegabytes = 50;

/** Lines for the owner of such a board (`/proc/device-tree/model`). */
export function estimate(model: string): readonly string[] {
  const { cacheBytes, monthlyBytes, temperatureC } = defaultLimits;
  const gigabytes = (bytes: number): string => `${bytes / 1e9} GB`;
  return [
    'What it will use, unless you set other limits:',
    `  power    ${powerOf(model)}`,
    `  traffic  about ${idleMegabytesAMonth} MB a month without tasks (pings and reports measured in a laboratory), at most ${probeMegabytesAMonth} MB to measure your line, at most ${gigabytes(monthlyBytes)} with them (the default limit)`,
    '  LAN      what your Pis give each other of it: no limit by default (punnet-agent limits --lan RATE sets one)',
    `  disk     at most ${gigabytes(cacheBytes)} of inputs and programs, beside the packages (the default limit)`,
    `  memory   ${agentMegabytes} MB for the agent (measured on an emulated Pi 1), and what tasks are given while they run`,
    `  heat     no task starts above ${temperatureC} °C (the default limit)`,
  ];
}

function powerOf(model: string): string {
  const board = boards.find(([start]) => model.startsWith(start));
  if (board === undefined) {
    return 'no figure for this board; others: 0.4 W (Zero, idle) to 6.4 W (4 B, all cores busy) (pidramble.com)';
  }
  const [, idle, busy] = board;
  if (Number.isNaN(busy)) return `${idle} W idle (cnx-software.com); no figure for busy cores`;
  return `${idle} W idle, ${busy} W with all cores busy (pidramble.com)`;
}

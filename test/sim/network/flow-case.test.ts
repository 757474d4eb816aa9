// Cases of flows: some solved on paper, some that SimGrid solved (fixtures/flows: drawn at random,
// their `finish` from SimGrid 3.32, model CM02 without corrections, zero latency), and
// files that are no case.

import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { FlowEnd } from '../../../sim/network/flow-case.ts';
import { parseFlowCase } from '../../../sim/network/flow-case.ts';
import { buildFlowCase, runFlowCase } from '../../../sim/network/run-flow-case.ts';

const folder = new URL('../../fixtures/flows/', import.meta.url);
const fixtures = readdirSync(folder).map((name) => [name] as const);

/** Rates in Mbit/s. */
interface Site {
  readonly up: number;
  readonly down: number;
  readonly lan: number;
  readonly bus?: boolean;
}
type PaperFlow = readonly [start: number, src: FlowEnd, dst: FlowEnd, megabytes: number];

function solve(text: string): readonly number[] {
  return Array.from(runFlowCase(buildFlowCase(parseFlowCase(text))));
}

function textOf(sites: readonly Site[], flows: readonly PaperFlow[], coreMbit?: number): string {
  const mega = 1e6;
  return JSON.stringify({
    core_bps: coreMbit === undefined ? undefined : coreMbit * mega,
    sites: sites.map(({ up, down, lan, bus }) => ({
      ...{ uplink_up_bps: up * mega, uplink_down_bps: down * mega, lan_bps: lan * mega },
      ...{ nodes: 3, lan_mode: bus === true ? 'bus' : 'port' },
    })),
    flows: flows.map(([start, src, dst, bytes]) => ({ start, src, dst, bytes: bytes * mega })),
  });
}

const wide = { up: 8, down: 8, lan: 80 };

const onPaper: readonly (readonly [what: string, text: string, finish: readonly number[]])[] = [
  [
    'the second flow halves the uplink of the first, then has it alone',
    textOf(
      [wide],
      [
        [0, 'core', [0, 0], 1],
        [0.5, 'core', [0, 1], 1],
      ],
    ),
    [1.5, 2],
  ],
  [
    // 0.5 each on the up link of site 0; what the second leaves at site 1 the third has.
    'a flow that is held elsewhere leaves the rest of a link to others',
    textOf(
      [
        { up: 8, down: 80, lan: 800 },
        { up: 80, down: 16, lan: 800 },
      ],
      [
        [0, [0, 0], 'core', 0.5],
        [0, [0, 1], [1, 0], 1],
        [0, 'core', [1, 1], 6],
      ],
    ),
    [1, 1.5, 3.5],
  ],
  [
    'inside a site the uplink is not used',
    textOf(
      [{ up: 1, down: 1, lan: 8 }],
      [
        [0, [0, 0], [0, 1], 1],
        [0, 'core', [0, 2], 1],
      ],
    ),
    [1, 8],
  ],
  [
    'up and down do not share, but on a bus',
    textOf(
      [
        { up: 100, down: 100, lan: 8, bus: true },
        { up: 100, down: 100, lan: 8 },
      ],
      [
        [0, [0, 0], 'core', 1],
        [0, 'core', [0, 1], 1],
        [0, [1, 0], 'core', 1],
        [0, 'core', [1, 0], 1],
      ],
    ),
    [2, 2, 1, 1],
  ],
  [
    "the core's own port, where all meet: the one gets what the slow site leaves",
    textOf(
      [wide, { up: 2, down: 2, lan: 80 }],
      [
        [0, 'core', [0, 0], 1],
        [0, 'core', [1, 0], 1],
        [0, [0, 0], 'core', 1],
        [0, [1, 0], 'core', 1],
      ],
      6,
    ),
    // 6 Mbit/s each way: 2 for the slow site, 4 for the other.
    [2, 4, 2, 4],
  ],
  [
    'flows out of order, and one that starts when all others have ended',
    textOf(
      [wide],
      [
        [5, 'core', [0, 0], 1],
        [0, 'core', [0, 0], 1],
      ],
    ),
    [6, 1],
  ],
  ['no flows', textOf([wide], []), []],
];

describe('solved on paper', () => {
  it.each(onPaper)('%s', (_, text, wanted) => {
    const found = solve(text);
    expect(found).toHaveLength(wanted.length);
    for (const [flow, at] of wanted.entries()) expect(found[flow]).toBeCloseTo(at, 12);
  });
});

describe('as SimGrid has it', () => {
  it.each(fixtures)('%s', (name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    // Of our own making.
    const wanted = (JSON.parse(text) as { readonly finish: readonly number[] }).finish;
    const found = solve(text);
    expect(found).toHaveLength(wanted.length);
    const apart = wanted.map((at, flow) => Math.abs(at - (found[flow] ?? Number.NaN)));
    expect(Math.max(...apart)).toBeLessThan(1e-6);
  });
});

describe('what is no case is refused with its field', () => {
  const good = { up: 8, down: 8, lan: 80 };
  it.each([
    ['{"sites":[', 'it is not JSON'],
    ['[]', 'the case: '],
    ['{"sites":[{"uplink_up_bps":"8 Mbit"}],"flows":[]}', 'sites[0].uplink_up_bps: '],
    [textOf([{ ...good, lan: 0 }], []), 'sites[0].lan_bps: '],
    [textOf([good], [[0, 'core', [0, 0], 0]]), 'flows[0].bytes: '],
    [textOf([good], [[-1, 'core', [0, 0], 1]]), 'flows[0].start: '],
    [textOf([good], [[0, 'core', [0, 3], 1]]), 'flows[0].dst: site 0 has 3 nodes'],
    [textOf([good], [[0, [1, 0], 'core', 1]]), 'flows[0].src: there are 1 sites'],
    [textOf([good], [[0, [0, 0], [0, 0], 1]]), 'flows[0].dst: wanted another end than src'],
    [textOf([good], [[0, 'core', [0, 0], 1]]).replace('"core"', '"cor"'), 'flows[0].src: wanted'],
  ])('%s', (text, wanted) => {
    expect(() => parseFlowCase(text)).toThrow(wanted);
  });
});

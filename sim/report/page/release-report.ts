// What is in the report of a scenario that brings a release.

import { bytes, formatQuantity, rate } from '../../../scheduler/api/quantities.ts';
import type { ReleaseRun } from '../../distribution/simulate-release.ts';
import type { ReleaseScenario } from '../../scenario/release-schema.ts';
import { rounded } from '../figures/figure.ts';
import { bytesOverSizeFigure, timeOverBoundFigure, wholeFigure } from '../figures/releases.ts';
import { meanInterval } from '../statistics.ts';
import type { Origin, Report, Table } from './report.ts';

export const assumedOfReleases: readonly string[] = [
  'All nodes want it at the same instant, have nothing of it before, and no jobs run beside it.',
  'A message between node and scheduler takes 20 ms, one between nodes of a site 1 ms; both take no part of a line, and are counted.',
  'Bytes have no headers: over real lines they take 5 to 15 % more.',
  'A node gives two chunks at a time, and refuses a third for 0.2 s. Who has died says nothing more, and is waited for until the time for a chunk is over.',
];

/** Each case in a few words, all of them different. */
export function caseTexts({ release }: ReleaseScenario): readonly string[] {
  return release.cases.map(({ sites, faults = {} }) => {
    const parts = Object.entries(faults).map(
      ([what, part = 0]) => `${rounded(100 * part)} % ${what}`,
    );
    const count = sites === 1 ? '1 site' : `${sites} sites`;
    return parts.length === 0 ? count : `${count}: ${parts.join(', ')}`;
  });
}

type Measure = readonly [name: string, of: (run: ReleaseRun) => number, digits: number];

const measures: readonly Measure[] = [
  ['nodes', (run) => run.nodes, 0],
  ['bound (s)', (run) => run.boundSeconds, 1],
  ['last ÷ bound', (run) => run.lastOverBound, 3],
  ['median ÷ bound', (run) => run.medianOverBound, 3],
  ['uplink ÷ size', (run) => run.uplinkOverSize, 3],
  ['site with the most', (run) => run.mostUplinkOverSize, 3],
  ['control ÷ size', (run) => run.controlOverSize, 4],
  ['wasted ÷ size', (run) => run.wastedOverSize, 4],
];

export function releaseTable(names: readonly string[], runs: readonly ReleaseRun[]): Table {
  const rows = names.map((name, at) => {
    const own = runs.filter((run) => run.at === at);
    const cells = measures.map(([, of, digits]) => intervalText(own.map(of), digits));
    return [name, ...cells];
  });
  return { columns: ['case', ...measures.map(([name]) => name)], rows };
}

/** "1.012 ± 0.003"; those that are all the same have no interval. */
function intervalText(values: readonly number[], digits: number): string {
  const { mean, half } = meanInterval(values);
  const isOne = half === null || half.toFixed(digits) === (0).toFixed(digits);
  return isOne ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

function linesText({ down, lan, origin }: ReleaseScenario['release']): string {
  const text = (value: number): string => formatQuantity(value, rate);
  const uplinks = `uplinks of ${text(down.from)} to ${text(down.to)}`;
  return `${uplinks}, ports of ${text(lan)}, one origin of ${text(origin)}`;
}

export function releaseReport(
  scenario: ReleaseScenario,
  runs: readonly ReleaseRun[],
  { command, commit, scenarioText }: Origin,
): Report {
  const { name, release } = scenario;
  const names = caseTexts(scenario);
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  const figures = [timeOverBoundFigure(names, runs), bytesOverSizeFigure(names, runs)];
  return {
    title: `${name}: a release to all nodes of ${release.cases.length} federations`,
    facts: [
      ['scenario', name],
      ['release', `${formatQuantity(release.size, bytes)} to ${release.nodes} nodes a site`],
      ['lines', linesText(release)],
      ['seeds', seeds.join(', ')],
      ['command', command],
      ['commit', commit],
    ],
    table: releaseTable(names, runs),
    chapters: [
      {
        ...{ title: '', prefix: '' },
        sections: [
          { title: 'How far from the bound', figures: [...figures, wholeFigure(names, runs)] },
        ],
      },
    ],
    assumed: assumedOfReleases,
    scenarioText,
    tables: ['release.json', 'release.csv'],
  };
}

// What is in a report, before it is a page: facts, tables and chapters of figures.

import { calibrationText, lastCalibration } from '../calibration.ts';
import type { Comparison } from '../comparison.ts';
import type { Detail } from '../detail/detail.ts';
import { ganttFigure } from '../figures/gantt.ts';
import type { Figure } from '../figures/figure.ts';
import { differenceFigure, ratioFigure } from '../figures/policies.ts';
import { bottleneckFigure, useBySiteFigure, useFigure } from '../figures/sites.ts';
import { movesFigure, replicasFigure } from '../figures/services.ts';
import { progressFigure, stepsFigure, waitsFigure } from '../figures/times.ts';
import { whoWhereFigure } from '../figures/who-where.ts';
import { meanInterval } from '../statistics.ts';
import type { Interval } from '../statistics.ts';
import type { Named } from '../summary-rows.ts';
import { summaryRows } from '../summary-rows.ts';
import type { Summary } from '../summary.ts';

export interface Report {
  readonly title: string;
  readonly facts: readonly Named[];
  readonly table: Table | null;
  readonly chapters: readonly Chapter[];
  readonly assumed: readonly string[];
  /** Of its scenario, as a file. */
  readonly scenarioText: string;
  readonly tables: readonly string[];
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Chapter {
  readonly title: string;
  /** What its figures' files begin with. */
  readonly prefix: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

/** What is told of where a report comes from. */
export interface Origin {
  readonly command: string;
  readonly commit: string;
  readonly scenarioText: string;
}

export function runReport(summary: Summary, detail: Detail, origin: Origin): Report {
  return {
    title: `${summary.scenario}, policy ${summary.policy}, seed ${summary.seed}`,
    facts: [...summaryRows(summary), ...originRows(origin)],
    table: null,
    chapters: [{ title: '', prefix: '', sections: sectionsOf(summary, detail) }],
    assumed: summary.assumed,
    scenarioText: origin.scenarioText,
    tables: [
      ...['summary.json', 'tasks.csv', 'jobs.csv', 'sites.csv'],
      ...(summary.services.length === 0 ? [] : ['replicas.csv']),
    ],
  };
}

export interface Detailed {
  readonly summary: Summary;
  readonly detail: Detail;
}

export function comparisonReport(
  comparison: Comparison,
  detailed: readonly Detailed[],
  origin: Origin,
): Report {
  const { scenario, policies, seeds, runs } = comparison;
  const [first] = runs;
  const difference = differenceFigure(comparison);
  const figures = [ratioFigure(comparison), ...(difference === null ? [] : [difference])];
  const load = meanInterval(runs.map((run) => run.load)).mean;
  return {
    title: `${scenario}: ${policies.length} policies on ${seeds} worlds`,
    facts: [
      ['scenario', scenario],
      ['policies', policies.map(({ policy }) => policy).join(', ')],
      ['seeds', seeds === 1 ? '1' : `1 to ${seeds}`],
      ['world', `${first?.nodes} nodes, ${first?.tasks} tasks, mean load ${load.toFixed(1)}`],
      ...originRows(origin),
    ],
    table: measuresOf(comparison),
    chapters: [
      { title: '', prefix: '', sections: [{ title: 'How far from the bound', figures }] },
      ...detailed.map(({ summary, detail }) => ({
        title: `Policy ${summary.policy}, seed ${summary.seed}`,
        prefix: `${fileWord(summary.policy)}-`,
        sections: sectionsOf(summary, detail),
      })),
    ],
    assumed: first?.assumed ?? [],
    scenarioText: origin.scenarioText,
    tables: ['compare.json', 'compare.csv'],
  };
}

function originRows({ command, commit }: Origin): readonly Named[] {
  return [
    ['command', command],
    ['commit', commit],
    ['held against a lab', calibrationText(lastCalibration)],
  ];
}

function sectionsOf(summary: Summary, detail: Detail): readonly Section[] {
  const { use, kinds, researchers, cells, gantt, services } = detail;
  const names = kinds.map(({ name }) => name);
  const byResearcher = researchers.length > 0 ? [waitsFigure(researchers, 'researcher')] : [];
  return [
    { title: 'How far from the bound', figures: [progressFigure(kinds, summary)] },
    {
      title: "What was each site's bottleneck",
      figures: [bottleneckFigure(use), useBySiteFigure(use), useFigure(use)],
    },
    {
      title: 'Who waited and why',
      figures: [waitsFigure(kinds, 'kind'), ...byResearcher, stepsFigure(kinds)],
    },
    {
      title: 'Who ran what where',
      figures: [whoWhereFigure(cells, names), ganttFigure(gantt, names)],
    },
    ...(services.length === 0 ? [] : [servicesSection(services, use.binSeconds)]),
  ];
}

function servicesSection(services: Detail['services'], binSeconds: number): Section {
  const hasMoves = services.some(({ moves }) => Object.keys(moves).length > 0);
  const moves = hasMoves ? [movesFigure(services)] : [];
  return {
    title: 'How long were services up, and why did they move',
    figures: [replicasFigure(services, binSeconds), ...moves],
  };
}

/** Means with 95 % intervals. */
function measuresOf({ policies, runs }: Comparison): Table {
  const [first] = policies;
  const row = (name: string, value: (run: Summary) => number, digits: number): string[] => {
    const cells = policies.map(({ policy }) => {
      const own = runs.filter((run) => run.policy === policy);
      return intervalText(meanInterval(own.map(value)), digits);
    });
    return [name, ...cells];
  };
  const longer = policies.map(({ longerThanFirst }) =>
    longerThanFirst === null ? '' : intervalText(hundredfold(longerThanFirst), 1),
  );
  const hasServices = runs.some(({ services }) => services.length > 0);
  return {
    columns: ['', ...policies.map(({ policy }) => policy)],
    rows: [
      row('makespan ÷ bound', (run) => run.makespanOverBound, 3),
      [`makespan longer than ${first?.policy} (%)`, ...longer],
      row('makespan (min)', (run) => run.makespanSeconds / 60, 1),
      row('mean wait (min)', (run) => run.waitSeconds.mean / 60, 1),
      row('p99 wait (min)', (run) => run.waitSeconds.p99 / 60, 1),
      row('p50 bounded slowdown', (run) => run.slowdown.p50, 1),
      row('p99 bounded slowdown', (run) => run.slowdown.p99, 1),
      row('throughput (tasks/s)', (run) => run.tasksPerSecond, 2),
      row('CPU used (%)', (run) => 100 * run.cpuUse, 1),
      row('uplinks down used (%)', (run) => 100 * run.downUse, 1),
      row('uplinks up used (%)', (run) => 100 * run.upUse, 1),
      row('bytes over uplinks (GB)', (run) => (run.downBytes + run.upBytes) / 1e9, 1),
      row('of these, wasted (%)', wastedPercent, 2),
      row('CPU wasted (GHz·h)', (run) => run.wastedGhzSeconds / 3600, 2),
      ...(hasServices ? [row('replicas up (%)', upPercent, 2)] : []),
      row("fairness between researchers (Jain's index)", (run) => run.fairness, 3),
    ],
  };
}

function wastedPercent({ wastedBytes, downBytes, upBytes }: Summary): number {
  const all = downBytes + upBytes;
  return all === 0 ? 0 : (100 * wastedBytes) / all;
}

/** Of all that all services wanted. */
function upPercent({ services }: Summary): number {
  const sum = (of: (use: Summary['services'][number]) => number): number =>
    services.reduce((all, use) => all + of(use), 0);
  const wanted = sum((use) => use.wantedSeconds);
  return wanted === 0 ? 100 : (100 * sum((use) => use.upSeconds)) / wanted;
}

function hundredfold({ mean, half }: Interval): Interval {
  return { mean: 100 * mean, half: half === null ? null : 100 * half };
}

function intervalText({ mean, half }: Interval, digits: number): string {
  return half === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

/** "./mine.ts" → "mine.ts". */
function fileWord(policy: string): string {
  return policy.replaceAll(/[^\w=.-]+/g, '-').replace(/^[-.]+/, '');
}

// When tasks were done, how long they waited, and for what.

import type { GroupTimes } from '../detail/task-waits.ts';
import { steps } from '../detail/task-waits.ts';
import type { Summary } from '../summary.ts';
import type { Figure, FigureRow } from './figure.ts';
import {
  black,
  nameColours,
  nameDashes,
  plotWidth,
  rounded,
  stepColours,
  timeUnitFor,
} from './figure.ts';

export function progressFigure(kinds: readonly GroupTimes[], { bound }: Summary): Figure {
  const unit = timeUnitFor(Math.max(...kinds.map(({ ends }) => ends.at(-1) ?? 0)));
  const boundAt = rounded(bound.seconds / unit.seconds);
  return {
    name: 'progress',
    title: 'Where is the time between the bound and the end lost?',
    caption: `Tasks that are done, by kind of job. The upright line is the bound: nobody could have done them all before. A curve that flattens early shows work that the federation could not spread.`,
    columns: ['kind', 'done_percent', `time_${unit.name}`],
    rows: pointsOf(kinds, ({ ends }) => ends, unit.seconds),
    spec: (data) => ({
      width: plotWidth,
      height: 260,
      layer: [
        {
          data,
          mark: { type: 'line', strokeWidth: 2 },
          encoding: {
            x: {
              field: `time_${unit.name}`,
              type: 'quantitative',
              title: `time (${unit.name})`,
              scale: { zero: true },
            },
            y: { field: 'done_percent', type: 'quantitative', title: 'tasks done (%)' },
            order: { field: 'done_percent', type: 'quantitative' },
            ...byName('kind', kinds),
          },
        },
        {
          data: { values: [{ at: boundAt }] },
          mark: { type: 'rule', color: black },
          encoding: { x: { field: 'at', type: 'quantitative' } },
        },
        {
          data: { values: [{ at: boundAt, text: 'bound' }] },
          mark: { type: 'text', align: 'right', dx: -5, color: black },
          encoding: {
            x: { field: 'at', type: 'quantitative' },
            y: { datum: 4, type: 'quantitative' },
            text: { field: 'text' },
          },
        },
      ],
    }),
  };
}

/** Of kinds of jobs, or of researchers. */
export function waitsFigure(groups: readonly GroupTimes[], by: 'kind' | 'researcher'): Figure {
  const unit = timeUnitFor(Math.max(...groups.map(({ waits }) => waits.at(-1) ?? 0)));
  const who = by === 'kind' ? 'kind of job' : 'researcher';
  return {
    name: by === 'kind' ? 'waits' : 'waits-by-researcher',
    title: `Who waited how long, by ${who}?`,
    caption: `The part of the tasks that waited at most so long, from submission until the start of the attempt whose result was taken. Further to the right is longer. Each curve has 101 points, whatever the number of tasks.`,
    columns: [by, 'tasks_percent', `wait_${unit.name}`],
    rows: pointsOf(groups, ({ waits }) => waits, unit.seconds),
    spec: (data) => ({
      width: plotWidth,
      height: 260,
      data,
      mark: { type: 'line', strokeWidth: 2 },
      encoding: {
        x: { field: `wait_${unit.name}`, type: 'quantitative', title: `wait (${unit.name})` },
        y: {
          field: 'tasks_percent',
          type: 'quantitative',
          title: 'tasks that waited at most so long (%)',
        },
        order: { field: 'tasks_percent', type: 'quantitative' },
        ...byName(by, groups),
      },
    }),
  };
}

export function stepsFigure(kinds: readonly GroupTimes[]): Figure {
  const longest = (from: number, to?: number): number =>
    Math.max(...kinds.map((kind) => kind.steps.slice(from, to).reduce((sum, each) => sum + each)));
  const halves = [
    { part: 'until placed', unit: timeUnitFor(longest(0, 1)) },
    { part: 'once placed', unit: timeUnitFor(longest(1)) },
  ] as const;
  const rows = kinds.flatMap(({ name, steps: seconds }) =>
    seconds.map((each, step): FigureRow => {
      const { part, unit } = halves[step === 0 ? 0 : 1];
      return [name, part, step, steps[step] ?? '', rounded(each / unit.seconds), unit.name];
    }),
  );
  return {
    name: 'steps',
    title: 'What held the tasks?',
    caption: `Mean time of a task in each step, for the attempt whose result was taken. "${steps[0]}" is the wait for its turn and for a slot of the scheduler's choice, with attempts that were lost before; the two halves have scales of their own.`,
    columns: ['kind', 'part', 'step_number', 'step', 'mean_time', 'unit'],
    rows,
    spec: (data) => ({
      data,
      hconcat: halves.map(({ part, unit }) => ({
        width: plotWidth / 2 - 20,
        height: { step: 26 },
        transform: [{ filter: `datum.part === '${part}'` }],
        mark: 'bar',
        encoding: {
          x: {
            field: 'mean_time',
            type: 'quantitative',
            title: `${part}: mean time (${unit.name})`,
          },
          y: {
            field: 'kind',
            type: 'nominal',
            title: part === 'until placed' ? 'kind of job' : null,
            sort: namesOf(kinds),
          },
          color: {
            field: 'step',
            type: 'nominal',
            title: 'step',
            scale: { domain: [...steps], range: stepColours },
            legend: { orient: 'bottom', columns: 4, labelLimit: 240 },
          },
          order: { field: 'step_number', type: 'quantitative' },
        },
      })),
    }),
  };
}

/** A point for each per cent. */
function pointsOf(
  groups: readonly GroupTimes[],
  of: (group: GroupTimes) => readonly number[],
  unitSeconds: number,
): readonly FigureRow[] {
  return groups.flatMap((group) =>
    of(group).map((seconds, at): FigureRow => [group.name, at, rounded(seconds / unitSeconds)]),
  );
}

function byName(field: string, groups: readonly GroupTimes[]) {
  const domain = namesOf(groups);
  const range = nameColours.slice(0, domain.length);
  const dashes = nameDashes.slice(0, domain.length);
  const title = field === 'kind' ? 'kind of job' : field;
  const legend = { symbolSize: 400, symbolStrokeWidth: 2 };
  return {
    color: { field, type: 'nominal', title, scale: { domain, range }, legend },
    strokeDash: { field, type: 'nominal', title, scale: { domain, range: dashes } },
  } as const;
}

function namesOf(groups: readonly GroupTimes[]): string[] {
  return groups.map(({ name }) => name);
}

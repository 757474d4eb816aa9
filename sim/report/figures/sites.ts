// What sites were short of: the use of CPU and uplinks over time, and by the sites' ratio.

import type { UseOverTime } from '../detail/use-over-time.ts';
import { resources, shortFrom } from '../detail/site-times.ts';
import type { Figure, FigureRow } from './figure.ts';
import { nameDashes, pale, plotWidth, resourceColours, rounded, timeUnitFor } from './figure.ts';

const rowsTitle = 'sites, their ratio (Gbit/s per GHz)';
const nothingShort = 'none of them';
const groupsNote =
  'Rows are sites in the order of their ratio, rate down for each GHz; where there are more than 16 sites, each row has several, with about the same part of all CPU.';

/** Of the whole federation. */
export function useFigure({ binSeconds, groups }: UseOverTime): Figure {
  const bins = groups[0]?.uses[0]?.length ?? 0;
  const unit = timeUnitFor(bins * binSeconds);
  const rows = resources.flatMap((resource, place) => {
    const most = groups.map((group) => [group.cpuGhz, group.downRate, group.upRate][place] ?? 0);
    const all = most.reduce((sum, each) => sum + each, 0);
    return Array.from({ length: bins }, (_, bin): FigureRow => {
      const used = groups.reduce(
        (sum, { uses }, group) => sum + (most[group] ?? 0) * (uses[place]?.[bin] ?? 0),
        0,
      );
      return [resource, rounded((bin * binSeconds) / unit.seconds), rounded((100 * used) / all)];
    });
  });
  const resource = { field: 'resource', type: 'nominal', title: 'resource' } as const;
  const dashes = nameDashes.slice(0, resources.length);
  return {
    name: 'use',
    title: 'How much of the federation was in use?',
    caption: `All sites together, in ${bins} spans of time. 100 % is all slots of all nodes, whether switched on or not, and what owners leave of all lines. Bytes of a transfer are spread evenly over the time that it took; transfers that were stopped are left out.`,
    columns: ['resource', `time_${unit.name}`, 'use_percent'],
    rows,
    spec: (data) => ({
      width: plotWidth,
      height: 200,
      data,
      mark: { type: 'line', interpolate: 'step-after', strokeWidth: 2 },
      encoding: {
        x: { field: `time_${unit.name}`, type: 'quantitative', title: `time (${unit.name})` },
        y: {
          field: 'use_percent',
          type: 'quantitative',
          title: 'in use (%)',
          scale: { domain: [0, 100], clamp: true },
        },
        color: { ...resource, scale: { domain: [...resources], range: resourceColours } },
        strokeDash: { ...resource, scale: { domain: [...resources], range: dashes } },
      },
    }),
  };
}

export function useBySiteFigure({ binSeconds, groups }: UseOverTime): Figure {
  const bins = groups[0]?.uses[0]?.length ?? 0;
  const unit = timeUnitFor(bins * binSeconds);
  const at = (bin: number): number => rounded((bin * binSeconds) / unit.seconds);
  const rows = groups.flatMap(({ label, uses }) =>
    resources.flatMap((resource, place) =>
      (uses[place] ?? []).map((use, bin): FigureRow => {
        return [label, resource, at(bin), at(bin + 1), rounded(100 * use, 4)];
      }),
    ),
  );
  return {
    name: 'use-by-site',
    title: 'Which sites used what, and when?',
    caption: `A bright row on the left is a site that computed; bright in the middle or on the right, one whose line was full. ${groupsNote}`,
    columns: ['sites', 'resource', `from_${unit.name}`, `to_${unit.name}`, 'use_percent'],
    rows,
    spec: (data) => ({
      data,
      facet: {
        column: {
          field: 'resource',
          sort: [...resources],
          title: null,
          header: { labelFontSize: 12 },
        },
      },
      spec: {
        // A whole number of pixels for each span of time: no seams.
        width: 3 * bins,
        height: { step: 15 },
        mark: 'rect',
        encoding: {
          x: {
            field: `from_${unit.name}`,
            type: 'quantitative',
            title: `time (${unit.name})`,
            scale: { nice: false },
          },
          x2: { field: `to_${unit.name}` },
          y: { field: 'sites', type: 'nominal', sort: labelsOf(groups), title: rowsTitle },
          color: {
            field: 'use_percent',
            type: 'quantitative',
            title: 'in use (%)',
            scale: { scheme: 'viridis', domain: [0, 100], clamp: true },
          },
        },
      },
    }),
  };
}

export function bottleneckFigure({ groups }: UseOverTime): Figure {
  const all = [...resources, nothingShort];
  const rows = groups.flatMap(({ label, short }) =>
    all.map((resource, place): FigureRow => {
      return [label, place, resource, rounded(100 * (short[place] ?? 0), 4)];
    }),
  );
  return {
    name: 'bottleneck',
    title: 'What were sites short of?',
    caption: `Parts of the time until the end in which a site used at least ${100 * shortFrom} % of something; of several, that which it used most. CPU is that of all nodes, switched on or not. A site that is short of none waits: for tasks that suit it, or for the end. ${groupsNote}`,
    columns: ['sites', 'resource_number', 'short_of', 'time_percent'],
    rows,
    spec: (data) => ({
      width: plotWidth - 60,
      height: { step: 18 },
      data,
      mark: 'bar',
      encoding: {
        x: {
          field: 'time_percent',
          type: 'quantitative',
          title: 'part of the time until the end (%)',
          scale: { domain: [0, 100], nice: false },
        },
        y: { field: 'sites', type: 'nominal', sort: labelsOf(groups), title: rowsTitle },
        color: {
          field: 'short_of',
          type: 'nominal',
          title: 'short of',
          scale: { domain: all, range: [...resourceColours, pale] },
        },
        order: { field: 'resource_number', type: 'quantitative' },
      },
    }),
  };
}

function labelsOf(groups: UseOverTime['groups']): string[] {
  return groups.map(({ label }) => label);
}

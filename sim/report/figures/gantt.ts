// One site over time: its uplink and its slots, attempt by attempt.

import type { Gantt } from '../detail/gantt.ts';
import { servicesName } from '../detail/gantt.ts';
import type { Figure, FigureRow } from './figure.ts';
import { nameColours, pale, plotWidth, rounded, timeUnitFor } from './figure.ts';

export function ganttFigure(gantt: Gantt, kinds: readonly string[]): Figure {
  const { site, attempts, rows: lanes, bars } = gantt;
  const unit = timeUnitFor(Math.max(0, ...bars.map(({ toSeconds }) => toSeconds)));
  const at = (seconds: number): number => rounded(seconds / unit.seconds);
  const rows = bars.map(({ row, kind, fromSeconds, toSeconds }): FigureRow => {
    return [lanes[row] ?? '', kind, at(fromSeconds), at(toSeconds)];
  });
  const hasServices = bars.some(({ kind }) => kind === servicesName);
  const domain = hasServices ? [...kinds, servicesName] : [...kinds];
  const range = [...nameColours.slice(0, kinds.length), ...(hasServices ? [pale] : [])];
  return {
    name: 'gantt',
    title: `What did one site do? (site ${site})`,
    caption: `Site ${site} had ${attempts} attempts, and is the one with the most that can still be read${attempts > 600 ? '; its first 600 are shown' : ''}. Large transfers on the uplink above, attempts on the slots of its nodes below; slots and directions that did nothing are left out.`,
    columns: ['lane', 'kind', `from_${unit.name}`, `to_${unit.name}`],
    rows,
    spec: (data) => ({
      width: plotWidth - 80,
      height: { step: 14 },
      data,
      mark: { type: 'bar', stroke: '#fff', height: 11 },
      encoding: {
        // Transfers are so short that a seam would hide them.
        strokeWidth: { condition: { test: "datum.lane[0] === 'u'", value: 0 }, value: 0.4 },
        x: { field: `from_${unit.name}`, type: 'quantitative', title: `time (${unit.name})` },
        x2: { field: `to_${unit.name}` },
        y: {
          field: 'lane',
          type: 'nominal',
          sort: [...lanes],
          title: 'uplink and slots',
        },
        color: {
          field: 'kind',
          type: 'nominal',
          title: 'kind of job',
          scale: { domain, range },
        },
      },
    }),
  };
}

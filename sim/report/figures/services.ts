// Services: how many of their replicas were up, and why replicas moved.

import type { ServiceTimes } from '../detail/service-times.ts';
import { moveText } from '../service-uses.ts';
import type { Figure, FigureRow } from './figure.ts';
import { nameColours, plotWidth, pointColour, rounded, timeUnitFor } from './figure.ts';

const panelHeader = { labelAngle: 0, labelAlign: 'left', labelFontSize: 12 } as const;

export function replicasFigure(services: readonly ServiceTimes[], binSeconds: number): Figure {
  const bins = services[0]?.up.length ?? 0;
  const unit = timeUnitFor(bins * binSeconds);
  const names = services.map(({ name }) => name);
  const rows = services.flatMap(({ name, replicas, up }) =>
    up.flatMap((count, bin): FigureRow[] => {
      if (count === null) return [];
      const part = rounded((100 * count) / replicas, 4);
      return [[name, rounded((bin * binSeconds) / unit.seconds), rounded(count), part]];
    }),
  );
  return {
    name: 'replicas',
    title: 'How many replicas were up?',
    caption: `Of those that each service wants, from when it comes until it is stopped, in ${bins} spans of time. A replica that moves is missing until it has fetched its program and found a slot elsewhere.`,
    columns: ['service', `time_${unit.name}`, 'replicas_up', 'up_percent'],
    rows,
    spec: (data) => ({
      data,
      // A panel each: most of the time all are at the same 100 %.
      facet: { row: { field: 'service', sort: names, title: null, header: panelHeader } },
      spacing: 12,
      spec: {
        width: plotWidth - 60,
        height: 70,
        mark: { type: 'area', interpolate: 'step-after', color: pointColour, opacity: 0.8 },
        encoding: {
          x: {
            field: `time_${unit.name}`,
            type: 'quantitative',
            title: `time (${unit.name})`,
            scale: { zero: true },
          },
          y: {
            field: 'up_percent',
            type: 'quantitative',
            title: 'up (%)',
            scale: { domain: [0, 100] },
            axis: { values: [0, 50, 100] },
          },
        },
      },
    }),
  };
}

export function movesFigure(services: readonly ServiceTimes[]): Figure {
  const rows = services.flatMap(({ name, moves }) =>
    Object.entries(moves).map(([why, count]): FigureRow => [name, moveText(why), count]),
  );
  const whys = [...new Set(rows.map(([, why]) => String(why)))].sort();
  return {
    name: 'moves',
    title: 'Why did replicas move?',
    caption:
      'Attempts of replicas that ended before their service did, by what ended them. Each was followed by another one, elsewhere or on the same node.',
    columns: ['service', 'why', 'moves'],
    rows,
    spec: (data) => ({
      width: plotWidth - 60,
      height: { step: 26 },
      data,
      mark: 'bar',
      encoding: {
        x: { field: 'moves', type: 'quantitative', title: 'moves', axis: { tickMinStep: 1 } },
        y: {
          field: 'service',
          type: 'nominal',
          title: 'service',
          sort: services.map(({ name }) => name),
        },
        color: {
          field: 'why',
          type: 'nominal',
          title: 'because',
          scale: { domain: whys, range: nameColours.slice(0, whys.length) },
        },
      },
    }),
  };
}

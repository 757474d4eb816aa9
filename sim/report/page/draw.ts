// Figures as SVG, by Vega. The same figure gives the same bytes.

import { View, parse, resetSVGDefIds, textMetrics } from 'vega';
import { compile } from 'vega-lite';
import type { Config } from 'vega-lite';
import type { Figure } from '../figures/figure.ts';

// They are there; Vega's types forget them.
declare module 'vega' {
  export function resetSVGDefIds(): void;
  export const textMetrics: { width: (item: TextItem, text: unknown) => number };
  interface TextItem {
    readonly fontSize?: number;
  }
}

/** Of a letter's height, the width of a common one. */
const letterWidth = 0.57;
const commonFontSize = 11;

const font = 'system-ui, sans-serif';

const config: Config = {
  background: '#fff',
  font,
  // Pages have a title and a table for each figure; its marks need no names of their own.
  aria: false,
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelLimit: 240,
    labelFlush: false,
    labelSeparation: 4,
    gridColor: '#e6e6e6',
  },
  legend: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', labelLimit: 180 },
  header: { labelFont: font },
  view: { stroke: '#bbb' },
};

export async function svgOf(figure: Figure): Promise<string> {
  // Widths of texts are guessed, whether or not the machine has fonts to measure them.
  textMetrics.width = ({ fontSize = commonFontSize }, text) =>
    letterWidth * fontSize * String(text ?? '').length;
  const spec = compile(figure.spec({ values: recordsOf(figure) }), { config }).spec;
  const svg = await new View(parse(spec), { renderer: 'none' }).toSVG();
  const title = escapeText(figure.title);
  return svg.replace('<svg ', `<svg role="img" aria-label="${title}" `);
}

/** Parts of a figure name each other by numbers that count up; a report begins anew. */
export function restart(): void {
  resetSVGDefIds();
}

function recordsOf({ columns, rows }: Figure): Record<string, string | number>[] {
  return rows.map((row) => {
    const pairs = columns.map((column, place) => [column, row[place] ?? ''] as const);
    return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
  });
}

export function escapeText(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  return text.replaceAll(/[&<>]/g, (sign) => entities[sign] ?? sign).replaceAll('"', '&quot;');
}

// Writes a report: the page, and beside it each figure as SVG and as CSV.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from '../figures/figure.ts';
import { restart, svgOf } from './draw.ts';
import type { DrawnChapter, DrawnFigure, DrawnSection } from './page.ts';
import { pageOf } from './page.ts';
import type { Chapter, Report, Section } from './report.ts';

export const pageFile = 'report.html';

export async function writeReport(folder: string, report: Report): Promise<void> {
  mkdirSync(join(folder, 'figures'), { recursive: true });
  restart();
  const chapters: DrawnChapter[] = [];
  for (const chapter of report.chapters) chapters.push(await drawChapter(folder, chapter));
  writeFileSync(join(folder, pageFile), pageOf(report, chapters));
}

async function drawChapter(folder: string, chapter: Chapter): Promise<DrawnChapter> {
  const sections: DrawnSection[] = [];
  for (const section of chapter.sections) {
    sections.push(await drawSection(folder, chapter.prefix, section));
  }
  return { title: chapter.title, sections };
}

async function drawSection(
  folder: string,
  prefix: string,
  { title, figures }: Section,
): Promise<DrawnSection> {
  const drawn: DrawnFigure[] = [];
  // One after another: the numbers of their parts count up.
  for (const figure of figures) {
    const file = `figures/${prefix}${figure.name}`;
    const svg = await svgOf(figure);
    writeFileSync(join(folder, `${file}.svg`), `${svg}\n`);
    writeFileSync(join(folder, `${file}.csv`), csvOf(figure));
    drawn.push({ figure, svg, file });
  }
  return { title, figures: drawn };
}

function csvOf({ columns, rows }: Figure): string {
  return [columns, ...rows].map((row) => `${row.map(cellOf).join(',')}\n`).join('');
}

/** By RFC 4180. */
function cellOf(value: string | number): string {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

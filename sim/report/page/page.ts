// A report as one page that asks for nothing from anywhere: style and pictures are in it, and it has
// no script.

import type { Figure } from '../figures/figure.ts';
import { escapeText } from './draw.ts';
import type { Report, Table } from './report.ts';

/** Longer tables are in the figures' files only. */
const mostTableRows = 120;

export interface DrawnSection {
  readonly title: string;
  readonly figures: readonly DrawnFigure[];
}

export interface DrawnFigure {
  readonly figure: Figure;
  readonly svg: string;
  /** Its files, without their endings, from the page. */
  readonly file: string;
}

export interface DrawnChapter {
  readonly title: string;
  readonly sections: readonly DrawnSection[];
}

const style = `
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.3rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; } h3 { font-size: 1.05rem; margin-bottom: .25rem; }
figure { margin: 1.5rem 0 2rem; } figure svg { max-width: 100%; height: auto; display: block; }
/* Smaller, its letters could not be read: in a narrow window it is moved sideways. */ @media (max-width: 40rem) { figure svg { min-width: 36rem; } }
/* Seams between the fields of a map. */ .mark-rect path { shape-rendering: crispEdges; }
figcaption { color: #444; max-width: 48rem; } .files { font-size: .875rem; margin: .25rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.25rem; } dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .6rem; text-align: right; white-space: nowrap; } th { white-space: normal; vertical-align: bottom; } th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
summary { cursor: pointer; } details.chapter > summary { font-size: 1.3rem; font-weight: 600; margin-top: 2rem; }
pre { background: #f5f5f5; padding: .75rem; overflow-x: auto; font-size: .875rem; }
@media print { details.table { display: none; } figure { break-inside: avoid; } }
`;

export function pageOf(report: Report, chapters: readonly DrawnChapter[]): string {
  const title = escapeText(report.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title} – Punnet simulation</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<dl>
${report.facts.map(([name, text]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(text)}</dd>`).join('\n')}
</dl>
${report.table === null ? '' : `<h2>All measures</h2>\n<p>Means over the seeds ± 95 % intervals.</p>\n${tableOf(report.table)}`}
${chapters.map(chapterOf).join('\n')}
<h2>Assumed, not measured</h2>
<ul>
${report.assumed.map((text) => `<li>${escapeText(text)}</li>`).join('\n')}
</ul>
<p>Where boards, lines and jobs of the scenarios come from is in <code>sim/scenarios/README.md</code>; what a run checks while it runs, in <code>docs/simulating.md</code>.</p>
<h2>Files</h2>
<p>${report.tables.map(linkTo).join(', ')}; <code>figures/</code> has each figure as SVG, and what it shows as CSV.</p>
<details><summary>The scenario</summary><pre>${escapeText(report.scenarioText)}</pre></details>
</main>
</body>
</html>
`;
}

/** The first stands open, those of single policies are opened by who wants them. */
function chapterOf({ title, sections }: DrawnChapter): string {
  const inside = sections.map(sectionOf).join('\n');
  if (title === '') return inside;
  const summary = `<summary>${escapeText(title)}</summary>`;
  return `<details class="chapter">${summary}\n${inside}\n</details>`;
}

function sectionOf({ title, figures }: DrawnSection): string {
  return `<h2>${escapeText(title)}</h2>\n${figures.map(figureOf).join('\n')}`;
}

function figureOf({ figure, svg, file }: DrawnFigure): string {
  const { title, caption, columns, rows } = figure;
  const links = `${linkTo(`${file}.svg`)}, ${linkTo(`${file}.csv`)}`;
  const texts = rows.map((row) => row.map(String));
  const table =
    rows.length > mostTableRows
      ? `<p class="files">${rows.length} rows: ${links}</p>`
      : `<p class="files">${links}</p>\n<details class="table"><summary>As a table</summary>${tableOf({ columns, rows: texts })}</details>`;
  return `<figure>
<h3>${escapeText(title)}</h3>
<div class="wide">${svg}</div>
<figcaption>${escapeText(caption)}</figcaption>
${table}
</figure>`;
}

function tableOf({ columns, rows }: Table): string {
  const cells = (texts: readonly string[], tag: string): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeText(text)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => cells(row, 'td')).join('\n');
  return `<div class="wide"><table><thead>${cells(columns, 'th')}</thead><tbody>\n${body}\n</tbody></table></div>`;
}

function linkTo(file: string): string {
  const name = escapeText(file);
  return `<a href="${name}">${name}</a>`;
}

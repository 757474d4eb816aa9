// The report as a reader gets it: a page that stands alone, and figures as files.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { comparisonOf } from '../../../sim/report/comparison.ts';
import type { Comparison } from '../../../sim/report/comparison.ts';
import type { Detail } from '../../../sim/report/detail/detail.ts';
import { detailOf } from '../../../sim/report/detail/detail.ts';
import { whoWhereFigure } from '../../../sim/report/figures/who-where.ts';
import { commitText } from '../../../sim/report/page/origin.ts';
import { comparisonReport, runReport } from '../../../sim/report/page/report.ts';
import type { Report } from '../../../sim/report/page/report.ts';
import { writeReport } from '../../../sim/report/page/write-report.ts';
import { simulate } from '../../../sim/run/simulate.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

const origin = { command: 'punnet sim run <b>', commit: commitText(), scenarioText: 'about: "&"' };

const wanted = { scenario: 'test/fixtures/scenarios/tiny.yaml', policy: 'balance', seed: 1 };
const { world, result, summary } = await simulate(wanted, () => undefined);
/** Two researchers, services, and a kind of job that moves nothing. */
const detail: Detail = (() => {
  const plain = detailOf(world, result);
  const cells = plain.cells.map((cell) =>
    cell.kind === 'cpu-heavy' ? { ...cell, intensity: 0 } : cell,
  );
  const up = plain.use.groups[0]?.uses[0]?.map((_, bin) => (bin < 9 ? null : bin / 20)) ?? [];
  const services = [
    { name: 'relay', replicas: 4, moves: { lost: 3, owner: 1 }, up },
    { name: 'mirror', replicas: 3, moves: {}, up },
  ];
  return { ...plain, cells, researchers: plain.kinds, services };
})();
const report = runReport(summary, detail, origin);

const comparison: Comparison = comparisonOf(
  'tiny',
  ['balance', './mine.ts'],
  [1, 2, 3].flatMap((seed) => [
    { ...summary, seed },
    {
      ...summary,
      seed,
      policy: './mine.ts',
      makespanSeconds: (1 + seed / 10) * summary.makespanSeconds,
    },
  ]),
);
const compared = comparisonReport(comparison, [{ summary, detail }], origin);

async function filesOf(name: string, what: Report): Promise<ReadonlyMap<string, string>> {
  await writeReport(join(folder, name), what);
  const names = readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' });
  const files = names.filter((file) => /\.\w+$/.test(file)).sort();
  return new Map(files.map((file) => [file, readFileSync(join(folder, name, file), 'utf8')]));
}

const files = await filesOf('run', report);
const comparedFiles = await filesOf('compare', compared);
const page = files.get('report.html') ?? '';
const comparedPage = comparedFiles.get('report.html') ?? '';

/** Name, words that its axes and legends must have. */
const figures = [
  ['progress', ['time (', 'tasks done (%)', 'kind of job', 'bound']],
  ['bottleneck', ['part of the time until the end (%)', 'ratio (Gbit/s per GHz)', 'short of']],
  ['use-by-site', ['time (', 'ratio (Gbit/s per GHz)', 'in use (%)', 'uplink up']],
  ['use', ['time (', 'in use (%)', 'resource', 'CPU']],
  ['waits', ['wait (', 'tasks that waited at most so long (%)', 'kind of job']],
  ['waits-by-researcher', ['wait (', 'researcher']],
  [
    'steps',
    ['until placed: mean time (', 'once placed: mean time (', 'kind of job', 'waits for a slot'],
  ],
  [
    'who-where',
    [
      'intensity of the job (Gbit/s per GHz)',
      'ratio of the sites (Gbit/s down per GHz)',
      'of all work (%)',
    ],
  ],
  ['gantt', ['time (', 'uplink and slots', 'kind of job', 'uplink down 1']],
  ['replicas', ['time (', 'up (%)', 'relay', 'mirror']],
  ['moves', ['moves', 'because', 'node switched off', 'relay']],
] as const;

test.each(figures)(
  '%s: axes and legends have names and units, and its rows are a file',
  (name, words) => {
    const svg = files.get(`figures/${name}.svg`) ?? '';
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map(([, text]) => text ?? '');
    for (const word of words) expect(texts.join('\n')).toContain(word);
    expect(texts.join()).not.toMatch(/undefined|NaN|Infinity|…/);
    expect(svg).toMatch(/^<svg role="img" aria-label="[^"]+"/);
    // In a narrow window it moves sideways, and the page does not.
    expect(page).toContain(`<div class="wide">${svg.trim()}</div>`);
    const lines = (files.get(`figures/${name}.csv`) ?? '').trim().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    const widths = lines.map((line) => line.replaceAll(/"[^"]*"/g, '').split(',').length);
    expect(new Set(widths).size).toBe(1);
    expect(lines.join('\n')).not.toMatch(/undefined|NaN|Infinity/);
  },
);

test('kinds of the same intensity are drawn side by side', () => {
  const [first] = detail.cells;
  if (first === undefined) throw new Error('the tiny scenario has jobs');
  const kinds = ['a', 'b', 'c', 'd'];
  const cells = kinds.map((kind) => ({ ...first, kind, intensity: kind === 'd' ? 1e-6 : 1e-3 }));
  const { rows } = whoWhereFigure(cells, kinds);
  expect(rows.map((row) => row[1])).toEqual([1e-3, 1e-3, 1e-3, 1e-6]);
  expect(rows.map((row) => row[2])).toEqual([1e-3, 1.6e-3, 2.56e-3, 1e-6]);
});

test('no other figure is there', () => {
  const names = [...files.keys()].filter((file) => file.endsWith('.svg'));
  expect(names).toEqual(figures.map(([name]) => `figures/${name}.svg`).sort());
});

test.each([
  ['run', page, files],
  ['compare', comparedPage, comparedFiles],
])(
  '%s: the page asks for nothing from anywhere, and its links are its own files',
  (_, html, own) => {
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(html).not.toMatch(/<(script|link|img|iframe|object|image|use)\b|@import|\bsrc=/);
    const addresses = [...html.matchAll(/https?:\/\/[^"' <)]*/g)].map(([address]) => address);
    // Names of SVG's own vocabularies, which nobody fetches.
    expect([...new Set(addresses)]).toEqual([
      'http://www.w3.org/2000/svg',
      'http://www.w3.org/1999/xlink',
    ]);
    for (const [, url = ''] of html.matchAll(/url\(([^)]*)\)/g)) expect(url).toMatch(/^["']?#/);
    const links = [...html.matchAll(/href="([^"#]*)"/g)].map(([, link]) => link ?? '');
    const tables = new Set([...report.tables, ...compared.tables]);
    expect(links.filter((link) => !tables.has(link) && !own.has(link))).toEqual([]);
    // What parts of figures are called is said once in a page.
    const ids = [...html.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  },
);

test('it names seed, commit, scenario and what was assumed; texts are no markup', () => {
  expect(page).toContain('<h1>tiny, policy balance, seed 1</h1>');
  expect(page).toContain(`<dt>commit</dt><dd>${commitText()}</dd>`);
  expect(commitText()).toMatch(/^[0-9a-f]{12}(-dirty)?$/);
  for (const assumed of summary.assumed) expect(page).toContain(`<li>${assumed}</li>`);
  expect(page).toContain('punnet sim run &lt;b&gt;');
  expect(page).toContain('about: &quot;&amp;&quot;');
});

test('the same input gives the same bytes, whatever was written before', async () => {
  expect(await filesOf('compare-again', compared)).toEqual(comparedFiles);
});

test('a comparison shows every seed, means with intervals, and a policy at a time', () => {
  const ratios = comparedFiles.get('figures/ratio-by-policy.csv')?.trim().split('\n') ?? [];
  expect(ratios.filter((line) => line.startsWith('./mine.ts,seed,'))).toHaveLength(3);
  const differences = comparedFiles.get('figures/difference-by-policy.csv')?.trim().split('\n');
  // 10, 20 and 30 % longer: 20 ± 4.303 · 10 / √3.
  expect(differences?.at(-1)).toBe('./mine.ts,mean,20,-4.84338,44.8434');
  expect(comparedPage).toContain('<td>20.0 ± 24.8</td>');
  expect(comparedPage).toContain('<summary>Policy balance, seed 1</summary>');
  expect([...comparedFiles.keys()]).toContain('figures/balance-waits.svg');
  const svg = comparedFiles.get('figures/difference-by-policy.svg') ?? '';
  expect(svg).toContain('makespan longer than balance (%)');
});

test('whoever cites it finds the version that this is', () => {
  const cited: unknown = parse(readFileSync('CITATION.cff', 'utf8'));
  const { version, license } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(cited).toMatchObject({ 'cff-version': '1.2.0', type: 'software', version, license });
});

test('colours are those that anybody can tell apart', () => {
  const palette =
    /^(#0072b2|#e69f00|#009e73|#cc79a7|#d55e00|#56b4e9|#000|#999|#ddd|#fff|#f5d78e|#f2c3a0)$/;
  const furniture = /^(#888|#bbb|#e6e6e6|white|transparent|none|black)$/;
  for (const [name] of figures) {
    // Its colours are viridis, by number.
    if (name === 'use-by-site') continue;
    const svg = files.get(`figures/${name}.svg`) ?? '';
    const used = [...svg.matchAll(/(?:fill|stroke)="([^"]*)"/g)].map(([, colour]) => colour ?? '');
    const shortened = used.map((colour) =>
      colour.toLowerCase().replace(/^#(.)\1(.)\2(.)\3$/, '#$1$2$3'),
    );
    const strange = shortened.filter((each) => !palette.test(each) && !furniture.test(each));
    expect([name, [...new Set(strange)]]).toEqual([name, []]);
  }
});

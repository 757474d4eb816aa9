// What a benchmark hands back, and how it is printed: medians with their spread, beside a baseline
// that was measured in the same run.

import Table from 'cli-table3';

/** `tiny` runs in seconds, in the tests, so that a benchmark can't rot; its figures mean nothing. */
export type Size = 'full' | 'tiny';

export interface Figure {
  readonly what: string;
  readonly unit: string;
  /** One a run, or one an event. */
  readonly values: readonly number[];
  /** Which of them is held against what is wanted: 0.5, the median, unless it says otherwise. */
  readonly quantile?: number;
  readonly wanted?: { readonly atMost: number } | { readonly atLeast: number };
  /** A peer or a bound, measured in the same run and the same unit. */
  readonly baseline?: { readonly what: string; readonly values: readonly number[] };
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** Of the answer, which was checked: the same for the same size. */
  readonly digest: string;
}

export interface Benchmark {
  readonly name: string;
  readonly about: string;
  /** Why it can't run here, if it can't. */
  readonly missing?: () => string | undefined;
  /** Throws when the run did not do what it should have done. */
  run(size: Size): Promise<Outcome>;
}

/** The value that this part of the values does not exceed. */
export function quantileOf(values: readonly number[], part: number): number {
  if (values.length === 0) throw new Error('a quantile of no values: the run measured nothing');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

export function isReached({ values, quantile = 0.5, wanted }: Figure): boolean | undefined {
  if (wanted === undefined) return undefined;
  const found = quantileOf(values, quantile);
  return 'atMost' in wanted ? found <= wanted.atMost : found >= wanted.atLeast;
}

/** One row a figure. */
export function tableOf(figures: readonly Figure[]): string {
  const head = ['figure', 'found', '5 % to 95 %', 'n', 'wanted', 'baseline', 'ratio', ''];
  const table = new Table({
    head,
    style: { head: [], border: [] },
    colWidths: [38],
    wordWrap: true,
  });
  for (const figure of figures) table.push(rowOf(figure));
  return table.toString();
}

function rowOf(figure: Figure): string[] {
  const { what, unit, values, quantile = 0.5, wanted, baseline } = figure;
  const found = quantileOf(values, quantile);
  const base = baseline === undefined ? undefined : quantileOf(baseline.values, quantile);
  const isOk = isReached(figure);
  return [
    quantile === 0.5 ? what : `${what}, ${100 * quantile} %`,
    `${short(found)} ${unit}`,
    `${short(quantileOf(values, 0.05))} to ${short(quantileOf(values, 0.95))}`,
    String(values.length),
    wanted === undefined ? '' : wantedText(wanted),
    base === undefined ? '' : `${baseline?.what}: ${short(base)} ${unit}`,
    base === undefined ? '' : short(found / base),
    isOk === undefined ? '' : isOk ? 'reached' : 'MISSED',
  ];
}

function wantedText(wanted: NonNullable<Figure['wanted']>): string {
  return 'atMost' in wanted ? `≤ ${short(wanted.atMost)}` : `≥ ${short(wanted.atLeast)}`;
}

/** Three digits. */
function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

// Tasks from the rows of a table: which names its columns may have, and which rows fit a job.

import type { JobTemplate } from './job.ts';
import { placeholders, placeholdersOf, renderTemplate } from './placeholders.ts';

export const rowLimits = {
  columns: 64,
  nameChars: 63,
  valueChars: 4_096,
  /** What a row adds to the job's texts: a lease must fit one message of 64 KiB. */
  addedChars: 12_000,
} as const;

/** Why a header is none, with the index of the column that is wrong; null: it is one. */
export function columnProblem(
  columns: readonly string[],
): { readonly at: number; readonly problem: string } | null {
  if (columns.length > rowLimits.columns) {
    const problem = `wanted at most ${rowLimits.columns} columns, found ${columns.length}`;
    return { at: rowLimits.columns, problem };
  }
  for (const [at, name] of columns.entries()) {
    const problem = nameProblem(name) ?? (columns.indexOf(name) < at ? twice(name) : null);
    if (problem !== null) return { at, problem };
  }
  return null;
}

const twice = (name: string): string => `the column "${name}" is there twice: rename one of them`;

function nameProblem(name: string): string | null {
  if (name === '') return 'wanted a name for this column, found nothing';
  if (name.trim() !== name) return `wanted a name without blanks around it, found "${name}"`;
  if (placeholders.some((known) => known === name)) {
    return `the column "${name}" has the name of a placeholder that every job has: rename it`;
  }
  // Control characters would break the lines of what shows it.
  const isPlain = name.length <= rowLimits.nameChars && /^[^{}\p{Cc}]+$/u.test(name);
  if (isPlain) return null;
  return `wanted a name of at most ${rowLimits.nameChars} characters without braces, found ${JSON.stringify(name)}`;
}

type Texts = Pick<JobTemplate, 'command' | 'environment' | 'outputs'>;

/** A check of rows against one job: what is wrong with a row, and in which column, or null. */
export function rowCheck(
  texts: Texts,
  columns: readonly string[],
): (values: readonly string[]) => RowProblem | null {
  const all = [...texts.command, ...Object.values(texts.environment), ...texts.outputs];
  const used = all.flatMap(placeholdersOf);
  const uses = columns.map((column) => used.filter((name) => name === column).length);
  const isNamed = (name: string): boolean => columns.includes(name);
  const namesOutputs = texts.outputs.some((path) => placeholdersOf(path).some(isNamed));
  return (values) => {
    if (values.length !== columns.length) {
      const wanted = `wanted ${columns.length} values, as the header has`;
      return { column: null, problem: `${wanted}, found ${values.length}` };
    }
    return (
      valueProblem(values, columns, uses) ??
      (namesOutputs ? outputProblem(texts.outputs, columns, values) : null)
    );
  };
}

export interface RowProblem {
  readonly column: string | null;
  readonly problem: string;
}

function valueProblem(
  values: readonly string[],
  columns: readonly string[],
  uses: readonly number[],
): RowProblem | null {
  let added = 0;
  for (const [at, value] of values.entries()) {
    added += value.length * (uses[at] ?? 0);
    if (value.length <= rowLimits.valueChars && !value.includes('\0')) continue;
    const problem = `wanted at most ${rowLimits.valueChars} characters, none of them NUL`;
    return { column: columns[at] ?? null, problem };
  }
  if (added <= rowLimits.addedChars) return null;
  const problem = `wanted a row that adds at most ${rowLimits.addedChars} characters to the command, environment and outputs, found ${added}: put long texts into a file`;
  return { column: null, problem };
}

function outputProblem(
  outputs: readonly string[],
  columns: readonly string[],
  values: readonly string[],
): RowProblem | null {
  const row = rowOf(columns, values);
  const paths = outputs.map((path) => renderTemplate(path, { index: 0, input: null, row }));
  for (const [at, path] of paths.entries()) {
    if (!isInside(path)) {
      const problem = `wanted outputs inside the work folder, found "${path}" for ${outputs[at]}`;
      return { column: null, problem };
    }
    if (paths.indexOf(path) < at) {
      return { column: null, problem: `the output "${path}" would be there twice` };
    }
  }
  return null;
}

/** A path that stays in the work folder. */
export function isInside(path: string): boolean {
  return !/(^|\/)\.{0,2}(\/|$)/.test(path);
}

/** Why an input may not lie there; null: it may. A task's checkpoint is put into a folder of its own. */
export function placeProblem(
  path: string,
  { keepsCheckpoint = false }: { readonly keepsCheckpoint?: boolean },
): string | null {
  if (!isInside(path)) return `wanted a path inside the work folder, found "${path}"`;
  if (!keepsCheckpoint || path.split('/')[0] !== 'checkpoint') return null;
  return `"${path}" is in the folder of the checkpoint: wanted another path`;
}

/** A row's values by column. */
export function rowOf(
  columns: readonly string[],
  values: readonly string[],
): ReadonlyMap<string, string> {
  return new Map(columns.map((column, at) => [column, values[at] ?? '']));
}

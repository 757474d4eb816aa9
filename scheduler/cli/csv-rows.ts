// Reads a table whose rows become tasks: CSV as in RFC 4180, in UTF-8, its first line the header.
// What the names and values may be is the scheduler's to say; here it is only a table.
import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { CsvError, parse } from 'csv-parse/sync';
import { badInput, type FieldViolation } from './errors.ts';

const fileMaxBytes = 256_000_000;
export const rowsMax = 1_000_000;
const problemsTold = 10;

/** A table that was read. */
export interface CsvTable {
  /** What messages call it. */
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The line that the header and each row begin at, from 1. */
  readonly headerLine: number;
  readonly lines: readonly number[];
}

/** Reads the table of a file. Throws a CliError that tells each mistake with its line. */
export async function readCsv(file: string): Promise<CsvTable> {
  const { size } = await stat(file);
  if (size > fileMaxBytes) {
    throw badInput(`${file}: wanted a table of at most ${fileMaxBytes} bytes, found ${size}`);
  }
  return parseCsv(file, await readFile(file));
}

/** As readCsv, of bytes that were read, with a bound of its rows. */
export function parseCsv(file: string, bytes: Buffer, most = rowsMax): CsvTable {
  if (!isUtf8(bytes)) throw badInput(`${file}: wanted a CSV table in UTF-8, found other bytes`);
  const [header, ...rows] = recordsOf(file, bytes);
  if (header === undefined) {
    throw badInput(`${file}:1: wanted a header (the names of the columns), found an empty file`);
  }
  if (rows.length === 0) throw badInput(`${file}: wanted a row below the header, found none`);
  if (rows.length > most) {
    const line = rows[most]?.line ?? 1;
    throw badInput(`${file}:${line}: wanted at most ${most} rows, found ${rows.length}`);
  }
  const columns = header.values;
  const ragged = rows.filter(({ values }) => values.length !== columns.length);
  if (ragged.length > 0) {
    const told = ragged.slice(0, problemsTold).map((row) => raggedText(file, columns, row));
    throw badInput(told.join('\n'));
  }
  return {
    file,
    columns,
    rows: rows.map((row) => row.values),
    headerLine: header.line,
    lines: rows.map((row) => row.line),
  };
}

interface CsvRecord {
  readonly values: readonly string[];
  readonly line: number;
}

function recordsOf(file: string, bytes: Buffer): readonly CsvRecord[] {
  const ends: number[] = [];
  try {
    const records = parse(bytes, {
      ...{ bom: true, relax_column_count: true, skip_empty_lines: true },
      on_record: (record, { lines }) => {
        ends.push(lines);
        return record;
      },
    });
    return records.map((values, at) => ({
      values,
      line: (ends[at] ?? 0) - linesWithin(values),
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const column = Number(error['column']) + 1;
    throw badInput(
      `${file}:${Number(error['lines'])}: field ${column}: ${quotingText(error)}`,
      error,
    );
  }
}

/** A quoted value may go over several lines. */
function linesWithin(values: readonly string[]): number {
  let lines = 0;
  for (const value of values) {
    for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) lines += 1;
  }
  return lines;
}

function quotingText(error: CsvError): string {
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'wanted a " that closes a value of this line or above, found the end of the file';
    case 'INVALID_OPENING_QUOTE':
      return 'found a " inside a value: put the value into quotes, and write "" for each in it';
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'wanted a comma or the end of the line after the closing ", found more text';
    default:
      return error.message;
  }
}

function raggedText(file: string, columns: readonly string[], { values, line }: CsvRecord): string {
  const wanted = `wanted ${columns.length} values, as the header has, found ${values.length}`;
  const missing = columns.slice(values.length);
  return missing.length > 0
    ? `${file}:${line}: ${wanted}: ${missing.join(', ')} is missing`
    : `${file}:${line}: ${wanted}: a value with a comma needs quotes`;
}

/** What the scheduler refused, at its place in the table; undefined when it is not of the table. */
export function tableText(
  table: CsvTable | undefined,
  { field, description }: FieldViolation,
): string | undefined {
  const match = /^spec\.tasks\.(columns|manifest\.tasks)\[(\d+)\]$/.exec(field);
  if (table === undefined || match === null) return undefined;
  const at = Number(match[2]);
  if (match[1] === 'columns') {
    return `${table.file}:${table.headerLine}: field ${at + 1}: ${description}`;
  }
  return `${table.file}:${table.lines[at]}: ${description}`;
}

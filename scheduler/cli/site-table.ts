// Reads a table of sites, for `punnet sites import`: columns site, down, up and, if wanted, share.
import type { SetSiteRequest } from '../../proto/gen/punnet/v1/node_service.ts';
import { readCsv, type CsvTable } from './csv-rows.ts';
import { badInput, type FieldViolation } from './errors.ts';

const columns = ['site', 'down', 'up', 'share'] as const;
type Column = (typeof columns)[number];

interface Cell {
  readonly row: number;
  readonly column: Column;
}

export interface SiteTable {
  readonly table: CsvTable;
  readonly sites: readonly SetSiteRequest[];
}

/** Reads the table. Throws a CliError that tells each mistake with its line and column. What rates and
 * names may be is the scheduler's to say. */
export async function readSiteTable(file: string): Promise<SiteTable> {
  const table = await readCsv(file);
  refuseHeader(table);
  const mistakes: string[] = [];
  const lines = new Map<string, number>();
  const sites = table.rows.map((row, at) => {
    const value = (column: Column): string => (row[table.columns.indexOf(column)] ?? '').trim();
    const [siteId, shareText] = [value('site'), value('share')];
    const before = lines.get(siteId);
    lines.set(siteId, table.lines[at] ?? 0);
    if (before !== undefined) {
      mistakes.push(
        placed(
          table,
          { row: at, column: 'site' },
          `wanted each site once, found "${siteId}" of line ${before} again`,
        ),
      );
    }
    const share = shareText === '' ? 0 : readShare(shareText);
    if (share === null) {
      const wanted = 'wanted a part above 0 and at most 100%, such as 25%';
      mistakes.push(placed(table, { row: at, column: 'share' }, `${wanted}, found "${shareText}"`));
    }
    return { siteId, down: value('down'), up: value('up'), share: share ?? 0, isMeasured: false };
  });
  if (mistakes.length > 0) throw badInput(mistakes.join('\n'));
  return { table, sites };
}

function refuseHeader({ file, headerLine, columns: found }: CsvTable): void {
  const mistakes = found.flatMap((name, at) => {
    const isKnown = columns.some((column) => column === name);
    if (isKnown && found.indexOf(name) === at) return [];
    const wanted = isKnown ? `wanted each column once` : `wanted one of ${columns.join(', ')}`;
    return [`${file}:${headerLine}: field ${at + 1}: ${wanted}, found "${name}"`];
  });
  for (const column of ['site', 'down', 'up']) {
    if (!found.includes(column))
      mistakes.push(`${file}:${headerLine}: wanted a column ${column}, found none`);
  }
  if (mistakes.length > 0) throw badInput(mistakes.join('\n'));
}

/** What the scheduler refused, at its place in the table; undefined when it is not of the table. */
export function siteTableText(
  { table }: SiteTable,
  { field, description }: FieldViolation,
): string | undefined {
  const match = /^sites\[(\d+)\]\.(siteId|down|up|share)$/.exec(field);
  if (match === null) return undefined;
  const column = columns.find((each) => each === match[2]) ?? 'site';
  return placed(table, { row: Number(match[1]), column }, description);
}

function placed(table: CsvTable, { row, column }: Cell, text: string): string {
  const at = table.columns.indexOf(column);
  return `${table.file}:${table.lines[row]}: field ${at + 1}, ${column}: ${text}`;
}

/** A part of 1 from "25%" or "0.25"; null: it is none above 0 and up to 1. */
export function readShare(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim());
  const share = match === null ? 0 : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  return share > 0 && share <= 1 ? share : null;
}

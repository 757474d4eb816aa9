// The table of all runs of a scenario that brings a release: a row for each case and seed.

import type { ReleaseRun } from '../distribution/simulate-release.ts';

const columns = [
  ...['sites', 'nodes', 'wanted', 'seed', 'boundSeconds', 'lastSeconds', 'lastOverBound'],
  ...['medianOverBound', 'uplinkOverSize', 'mostUplinkOverSize', 'controlOverSize'],
  'wastedOverSize',
] as const satisfies readonly (keyof ReleaseRun)[];

export function releaseCsv(names: readonly string[], runs: readonly ReleaseRun[]): string {
  const rows = runs.map((run) => {
    const name = names[run.at] ?? '';
    return [`"${name.replaceAll('"', '""')}"`, ...columns.map((column) => String(run[column]))];
  });
  return [['case', ...columns], ...rows].map((row) => `${row.join(',')}\n`).join('');
}

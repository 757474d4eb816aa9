// The table at the end of the demo: which node ran how many tasks of which job, and why there.

import Table from 'cli-table3';
import type { Federation } from './federation.ts';

interface Named {
  readonly name: string;
}

interface TaskRow {
  readonly nodeName: string;
  readonly siteId: string;
  readonly placement: string;
}

/** A row for each node, and a sentence for each job and site. */
export async function placementText(
  federation: Federation,
  sites: readonly { readonly site: string }[],
  jobs: readonly Named[],
): Promise<string> {
  const counts = new Map<string, number[]>();
  const reasons: string[] = [];
  for (const [column, { name }] of jobs.entries()) {
    const listed = await federation.punnet('tasks', name, '--output', 'json');
    const { tasks } = JSON.parse(listed) as { tasks: readonly TaskRow[] };
    reasons.push(...sites.map(({ site }) => reasonText(name, site, tasks)));
    for (const { siteId, nodeName } of tasks) {
      const key = `${siteId}\n${nodeName}`;
      const row = counts.get(key) ?? jobs.map(() => 0);
      row[column] = (row[column] ?? 0) + 1;
      counts.set(key, row);
    }
  }
  const head = ['site', 'node', ...jobs.map(({ name }) => name)];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const [key, row] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    table.push([...key.split('\n'), ...row]);
  }
  return [table.toString(), ...reasons].join('\n');
}

function reasonText(job: string, site: string, tasks: readonly TaskRow[]): string {
  const there = tasks.filter((task) => task.siteId === site);
  const share = `  ${job} at ${site}: ${there.length} of ${tasks.length} tasks`;
  const why = there.at(-1)?.placement;
  return why === undefined ? `${share}.` : `${share}; the last one because ${why}.`;
}

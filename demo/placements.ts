// Where the tasks of a round went, why, and what that cost the thin line.

import Table from 'cli-table3';
import type { Federation } from './federation.ts';
import type { Round } from './round.ts';

interface TaskRow {
  readonly siteId: string;
  readonly placement: string;
}

/** What one round did, read from the scheduler while it still runs. */
export interface Placements {
  readonly round: Round;
  /** Tasks of each job, in the order of the round's jobs, at each site. */
  readonly counts: ReadonlyMap<string, readonly number[]>;
  /** A sentence for each job and site. */
  readonly reasons: readonly string[];
  /** Both ways over the thin site's uplink. */
  readonly thinBytes: number;
}

export async function placementsOf(
  federation: Federation,
  round: Round,
  sites: readonly [thin: string, ...string[]],
): Promise<Placements> {
  const counts = new Map(sites.map((site) => [site, round.jobs.map(() => 0)]));
  const reasons: string[] = [];
  for (const [column, { name, jobId }] of round.jobs.entries()) {
    const listed = await federation.punnet('tasks', jobId, '--output', 'json');
    const { tasks } = JSON.parse(listed) as { tasks: readonly TaskRow[] };
    for (const site of sites) {
      const there = tasks.filter(({ siteId }) => siteId === site);
      const row = counts.get(site) ?? [];
      row[column] = there.length;
      const why = there.at(-1)?.placement;
      if (why !== undefined) reasons.push(`  ${name} at ${site}: the last one because ${why}.`);
    }
  }
  return { round, counts, reasons, thinBytes: await bytesOver(federation, sites[0]) };
}

async function bytesOver(federation: Federation, site: string): Promise<number> {
  const shown = await federation.punnet('site', 'show', site, '--output', 'json');
  // int64 is text in JSON.
  const { bytesDown, bytesUp } = JSON.parse(shown) as { bytesDown: string; bytesUp: string };
  return Number(bytesDown) + Number(bytesUp);
}

/** The rounds beside each other, and by how much the others took longer than the first. */
export function comparisonText(rounds: readonly Placements[], thin: string): string {
  const [first] = rounds;
  if (first === undefined) return '';
  const jobs = first.round.jobs.map(({ name }) => name);
  const columns = [...first.counts.keys()].flatMap((site) =>
    jobs.map((job) => `${job} at ${site}`),
  );
  const head = ['policy', 'all done in', `over ${thin}'s line`, ...columns];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const { round, counts, thinBytes } of rounds) {
    const tasks = [...counts.values()].flat();
    table.push([
      round.policy,
      `${round.seconds.toFixed(1)} s`,
      `${(thinBytes / 1e6).toFixed(1)} MB`,
      ...tasks,
    ]);
  }
  const sentences = rounds.slice(1).map(({ round: { policy, seconds } }) => {
    const times = (seconds / first.round.seconds).toFixed(2);
    return `${policy} took ${times} times as long as ${first.round.policy} here, in one run of each.`;
  });
  return [table.toString(), ...sentences].join('\n');
}

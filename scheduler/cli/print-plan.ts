// The plan as text: a line for each part of a job that it gives to sites.
import type { Plan, PlannedJobs, PlannedSites } from '../../proto/gen/punnet/v1/node_service.ts';
import type { CliIo } from './io.ts';
import { countText, safeText, spanText, table } from './print.ts';

/** Parts of a task that are not worth a line: the program divides tasks like water. */
const leastTasks = 0.05;

/** The most intense job first, and of its sites those with the highest ratio. */
export function planText(io: CliIo, plan: Plan): string {
  const jobs = [...plan.jobs].sort((a, b) => b.downIntensity - a.downIntensity);
  const rows = jobs.flatMap((kind) => rowsOf(kind, plan.sites));
  const head = ['job', 'intensity', 'tasks', 'share', 'at', 'ratio', 'bound by'];
  const age = spanText(io.now() - plan.askedUnixMs);
  const span = spanText(plan.endsUnixMs - plan.askedUnixMs);
  const about = `asked for ${age} ago: all that waited then would take ${span}; intensity and ratio, down, in Gbit/s per GHz\n`;
  return table(io, head, rows) + about;
}

function rowsOf(kind: PlannedJobs, sites: readonly PlannedSites[]): readonly string[][] {
  return kind.shares
    .map((tasks, index) => ({ tasks, group: sites[index] }))
    .filter(({ tasks }) => tasks >= leastTasks)
    .sort((a, b) => (b.group?.downRatio ?? 0) - (a.group?.downRatio ?? 0))
    .map(({ tasks, group }) => [
      namesText(kind.names.map(safeText), kind.count),
      figureText(kind.downIntensity),
      `${Number(tasks.toFixed(1))} of ${kind.tasks}`,
      `${Math.round((100 * tasks) / kind.tasks)}%`,
      namesText(group?.siteIds ?? [], group?.count ?? 0),
      figureText(group?.downRatio ?? 0),
      boundText(group?.binding ?? ''),
    ]);
}

/** The first three, and how many more. */
function namesText(names: readonly string[], count: number): string {
  const shown = names.slice(0, 3);
  const more = count - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${countText(more, 'other')}` : '');
}

/** Ratios and intensities span many decades. */
export function figureText(gigabitsPerGhz: number): string {
  return String(Number(gigabitsPerGhz.toPrecision(2)));
}

function boundText(binding: string): string {
  return binding === 'cpu' ? 'CPU' : `uplink ${binding}`;
}

// How the groups of a job's failures look.
import type { FailureGroup } from '../../proto/gen/punnet/v1/job_service.ts';
import { countText, safeText } from './print.ts';

/** A line a group: "12 tasks: exit code 2, on 9 nodes at 3 sites; such as 3, 17, 21 (punnet logs j1 3)". */
export function failuresText(jobId: string, groups: readonly FailureGroup[]): string {
  return groups.map((group) => groupText(jobId, group)).join('');
}

function groupText(jobId: string, group: FailureGroup): string {
  const { failed, retrying, endCode, exitCode, nodes, sites, tasks, details } = group;
  const counts = [
    failed > 0 ? `${countText(failed, 'task')} failed` : '',
    retrying > 0 ? `${countText(retrying, 'task')} will be tried again` : '',
  ].filter((part) => part !== '');
  const how = endCode === 'exited' ? `exit code ${exitCode}` : endCode.replaceAll('_', ' ');
  const where = `on ${countText(nodes, 'node')} at ${countText(sites, 'site')}`;
  const which =
    failed + retrying > tasks.length
      ? 'such as'
      : countText(tasks.length, 'task').replace(/^\d+ /, '');
  const logs = `punnet logs ${jobId} ${tasks[0] ?? 0}`;
  const lines = [`${counts.join(', ')}: ${how}, ${where}; ${which} ${tasks.join(', ')} (${logs})`];
  for (const detail of details) lines.push(`  ${safeText(detail)}`);
  return lines.map((line) => `${line}\n`).join('');
}

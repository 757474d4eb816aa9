// How estimates look: when a job will have ended, what keeps it, and which nodes fit.
import type { Job } from '../../proto/gen/punnet/v1/job.ts';
import type { TryJobResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type { CliIo } from './io.ts';
import { countText, paintFor, safeText, table, timeText } from './print.ts';

/** "2026-01-31 12:00:00Z if nothing changes, bound by cpu; a task's work is guessed"; empty without one. */
export function etaText(job: Job): string {
  const { etaUnixMs, etaBoundBy, etaBasis } = job;
  if (etaBoundBy === 'nothing fits') return 'never as things are: nothing fits';
  if (etaUnixMs === 0) return '';
  const guess = etaBasis === 'guessed' ? "; a task's work is guessed" : '';
  return `${timeText(etaUnixMs)} if nothing changes, bound by ${etaBoundBy}${guess}`;
}

/** The deadline, and whether it will be missed. */
export function deadlineText(io: CliIo, job: Job): string {
  const late = job.isLate ? paintFor(io).red(' (late)') : '';
  return `${timeText(job.deadlineUnixMs)}${late}`;
}

/** What would become of a job. */
export function dryRunText(io: CliIo, { job, fit }: TryJobResponse): string {
  if (job === undefined || fit === undefined) return '';
  const parts: string[] = [];
  const eta = etaText(job);
  const [first = ''] = job.waitsFor;
  if (first !== '') parts.push(`It would wait for ${job.waitsFor.join(', ')}.\n`);
  if (eta !== '') parts.push(`Estimated end: ${eta}.\n`);
  if (job.deadlineUnixMs > 0) {
    const how = job.isLate ? paintFor(io).red('late') : paintFor(io).green('in time');
    parts.push(`For its deadline, ${timeText(job.deadlineUnixMs)}, that is ${how}.\n`);
  }
  parts.push(`${countText(fit.nodes, 'node')} at ${countText(fit.sites, 'site')} fit now.\n`);
  if (fit.refusals.length > 0) {
    const rows = fit.refusals.map(({ count, sites, code, reason, remedy }) => {
      return [String(count), String(sites), code, safeText(reason), safeText(remedy)];
    });
    const head = ['nodes', 'sites', 'refused for', 'because', 'what helps'];
    parts.push(`\n${table(io, head, rows)}`);
  }
  if (fit.bySite.length > 1) {
    const rows = fit.bySite.map((site) => [site.siteId, String(site.nodes), String(site.fitting)]);
    parts.push(`\n${table(io, ['site', 'nodes', 'fit'], rows)}`);
  }
  return parts.join('');
}

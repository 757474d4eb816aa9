// Shares of the federation as text.
import type { Share } from '../../proto/gen/punnet/v1/researcher_service.ts';
import type { CliIo } from './io.ts';
import { bytesText, safeText, table } from './print.ts';

/** A line a researcher, the one who is next first. */
export function sharesText(io: CliIo, shares: readonly Share[]): string {
  if (shares.length === 0) return 'nobody has submitted a job yet\n';
  const rows = shares.map((share) => [
    safeText(share.name),
    share.weight.toString(),
    percent(share.cpu),
    percent(share.uplink),
    share.uplink > share.cpu ? 'uplink' : 'CPU',
    workText(share.workGhzS),
    bytesText((share.gigabits * 1e9) / 8),
    boundText(share.leases, share.maxLeases),
    boundText(share.waitingTasks, share.maxWaitingTasks),
  ]);
  const head = ['researcher', 'weight', 'of cpu', 'of uplinks', 'counts', 'used', 'moved'];
  return table(io, [...head, 'on nodes', 'waiting'], rows);
}

/** By the hour from an hour on: a first task must not look like nothing. */
function workText(ghzSeconds: number): string {
  const ghzHours = ghzSeconds / 3600;
  return ghzHours < 1 ? `${ghzSeconds.toFixed(1)} GHz*s` : `${ghzHours.toFixed(1)} GHz*h`;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(part < 0.1 ? 2 : 0)}%`;
}

function boundText(count: number, most: number): string {
  return most === 0 ? String(count) : `${count} of ${most}`;
}

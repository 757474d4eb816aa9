// What `punnet-agent status` and `punnet-agent limits` say.

import type { Allowance, AttemptPhase, Lease } from '../../core/index.ts';
import type { Identity } from '../state/state-folder.ts';
import { parseLimits, readLimitsFile } from './limits.ts';

export interface Running {
  readonly identity: Identity;
  /** Why it is not connected; null: it is. */
  readonly trouble: string | null;
  readonly sandbox: string;
  readonly allowance: Allowance;
  readonly attempts: readonly { readonly lease: Lease; readonly phase: AttemptPhase }[];
}

/** Whose node it is. */
export function nameOf({ nodeId, federation, siteId }: Identity): string {
  return `Node ${nodeId} of ${federation}, site ${siteId}`;
}

/** One line for the node, one for each attempt. */
export function statusText(running: Running): string {
  const { identity, trouble, sandbox, allowance, attempts } = running;
  const { slots, notAccepting } = allowance;
  const link =
    trouble === null ? 'connected' : `not connected, and tries again by itself: ${trouble}`;
  const work =
    notAccepting === null
      ? `It takes tasks on ${slots} ${slots === 1 ? 'slot' : 'slots'}, in sandbox ${sandbox}.`
      : `It takes no task: ${notAccepting.reason}.`;
  const lines = attempts.map(
    ({ lease, phase }) =>
      `  lease ${lease.leaseId}: task ${lease.taskIndex} of ${lease.jobName} (${lease.researcher}), ${phase}`,
  );
  return [`${nameOf(identity)}: ${link}.`, work, ...lines].join('\n');
}

/** Each limit, and whether the owner has set it. Throws LimitsError. */
export function limitsText(file: string): string {
  const fields = readLimitsFile(file);
  const limits = parseLimits(fields, file);
  const lines = Object.entries(limits).map(([name, value]) => {
    const source = name in fields ? 'set' : 'default';
    return `  ${name.padEnd(17)} ${JSON.stringify(value).padEnd(14)} ${source}`;
  });
  const howTo = `Change them in ${file}, a JSON object; a running agent takes them at once.`;
  return [`Limits in force:`, ...lines, howTo].join('\n');
}

/** The fields of the file, with the pause set or gone. Throws LimitsError for a wrong file. */
export function withPause(file: string, isPaused: boolean): string {
  const fields = readLimitsFile(file);
  parseLimits(fields, file);
  return `${JSON.stringify({ ...fields, isPaused }, null, 2)}\n`;
}

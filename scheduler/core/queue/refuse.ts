// Why it is not a job's turn, for people who ask.

import { candidateJobs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { Refusal } from '../placement/filter.ts';
import type { JobRecord, State } from '../state.ts';
import { countOf } from '../words.ts';
import { shares } from './shares.ts';

/** Its researcher has all the leases that the operator allows. */
export function refuseQuota(state: State, job: JobRecord): Refusal | null {
  const researcher = state.researchers.get(job.researcher);
  const most = researcher?.settings.maxLeases ?? null;
  if (researcher === undefined || most === null || researcher.leases < most) return null;
  return {
    code: 'quota',
    reason: `${job.researcher} has ${countOf(researcher.leases, 'task')} on nodes, and may have ${most}`,
    remedy: 'wait for some of them to end, or ask the operator for more',
  };
}

/** Others come first: researchers who have had less, or jobs of the same researcher. */
export function refuseTurn(
  state: State,
  { job, now }: { readonly job: JobRecord; readonly now: Instant },
): Refusal | null {
  // Those whose tasks all wait for other jobs are before nobody.
  const hasTurn = (name: string): boolean =>
    (state.researchers.get(name)?.waitingJobs.length ?? 0) > 0;
  const waiting = shares(state, now).filter((share) => hasTurn(share.name));
  const first = waiting.findIndex((share) => share.name === job.researcher);
  if (first > 0) {
    const [who, have] =
      first === 1 ? ['another researcher', 'has'] : [`${first} researchers`, 'have'];
    const reason = `${who} who ${have} had less of the federation wait too, and come first`;
    return { code: 'turn', reason, remedy: 'wait (punnet shares says who had what)' };
  }
  const own = state.researchers.get(job.researcher)?.waitingJobs.indexOf(job.number) ?? 0;
  if (own < candidateJobs) return null;
  const reason = `${own} jobs of ${job.researcher} come before it, by priority and age`;
  return { code: 'queue', reason, remedy: 'wait, or give it a higher priority' };
}

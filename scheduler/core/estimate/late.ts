// Whether a job misses its deadline, as far as anybody can tell now.

import type { Instant } from '../model/ids.ts';
import type { JobRecord } from '../state.ts';
import type { Forecast } from '../view.ts';

/** A job that fits nowhere is late, and one that waits for others when its time is over. */
export function isLate(job: JobRecord, forecast: Forecast | null, now: Instant): boolean {
  const { deadlineAt } = job.template;
  if (deadlineAt === null) return false;
  if (job.endedAt !== null) return job.endedAt > deadlineAt;
  if (forecast !== null && forecast.endsAt === null) return true;
  return Math.max(now, forecast?.endsAt ?? 0) > deadlineAt;
}

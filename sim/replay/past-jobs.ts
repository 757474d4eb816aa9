// The jobs of a journal that can be run again, and how many can't.

import type { Instant, JobId, JobRecord, JobTemplate } from '../../scheduler/core/index.ts';

/** A job that has ended, with what is known of its tasks then. */
export interface PastJob {
  readonly number: number;
  readonly jobId: JobId;
  readonly researcher: string;
  readonly template: JobTemplate;
  readonly submittedAt: Instant;
  readonly endedAt: Instant;
  /** Those that left a result. */
  readonly tasks: number;
  readonly workGhzSeconds: number;
}

export class PastJobs {
  readonly #ended: PastJob[] = [];
  readonly leftOut = new Map<string, number>();

  saw(job: JobRecord | undefined): void {
    if (job === undefined) return;
    const { number, jobId, researcher, template, submittedAt, endedAt, succeeded } = job;
    const why = whyNot(job);
    if (why !== null || endedAt === null) {
      this.leftOut.set(why ?? '', (this.leftOut.get(why ?? '') ?? 0) + 1);
      return;
    }
    const workGhzSeconds = job.workSumGhzSeconds / job.workCount;
    const about = { number, jobId, researcher, template, submittedAt, endedAt };
    this.#ended.push({ ...about, tasks: succeeded, workGhzSeconds });
  }

  /** In the order of their submission. */
  ended(): readonly PastJob[] {
    return [...this.#ended].sort((one, other) => one.number - other.number);
  }
}

/** Why a job is not run again; null: it is. */
function whyNot(job: JobRecord): string | null {
  if (job.template.service !== null) return 'services';
  if (job.endedAt === null) return 'not ended';
  if (job.state === 'cancelled') return 'cancelled';
  if (job.succeeded === 0 || !(job.workSumGhzSeconds > 0)) return 'without a measured task';
  return null;
}

// A run, and all that is wanted of it, in this thread.

import { writeTables } from '../report/csv.ts';
import type { Detail } from '../report/detail/detail.ts';
import { detailOf } from '../report/detail/detail.ts';
import type { Summary } from '../report/summary.ts';
import { jobSecondsOf } from '../report/task-times.ts';
import type { Progress } from '../run/run.ts';
import type { Wanted } from '../run/simulate.ts';
import { simulate } from '../run/simulate.ts';
import type { WatchPolicy } from '../run/simulate.ts';

export interface WantedRun extends Wanted {
  /** What figures of it are drawn from is wanted, too. */
  readonly withDetail: boolean;
  /** Tables of tasks, jobs and sites go into this folder; null: nowhere. */
  readonly tables: string | null;
  /** How long a policy of a researcher's own may think about one question. */
  readonly patienceMs: number;
}

export interface Ran {
  readonly summary: Summary;
  readonly detail: Detail | null;
  /** Of a replay: how long each job took. */
  readonly jobSeconds: readonly number[] | null;
}

export type OnProgress = (progress: Progress) => void;

export async function runHere(
  { withDetail, tables, ...wanted }: WantedRun,
  onProgress: OnProgress,
  watch?: WatchPolicy,
): Promise<Ran> {
  const { world, result, summary } = await simulate(wanted, onProgress, watch);
  if (tables !== null) writeTables(tables, world, result);
  return {
    summary,
    detail: withDetail ? detailOf(world, result) : null,
    jobSeconds: wanted.journal === undefined ? null : jobSecondsOf(world, result),
  };
}

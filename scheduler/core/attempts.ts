// The attempts of one task that are in force: the one that its columns name, and perhaps a backup.

import type { LeaseId } from './model/ids.ts';
import type { JobRecord, LeaseRecord, State } from './state.ts';

const none: readonly LeaseRecord[] = [];

/** Leases of the task that are kept, those that its columns and the job's backups name. */
export function attemptsOf(
  state: State,
  job: JobRecord,
  taskIndex: number,
): readonly LeaseRecord[] {
  const first = namedLease(state, job, taskIndex);
  const backup = backupOf(state, job, taskIndex);
  if (backup === undefined) return first === undefined ? none : [first];
  return first === undefined ? [backup] : [first, backup];
}

/** The lease that the task's columns name, if it is kept. */
function namedLease({ leases }: State, job: JobRecord, taskIndex: number): LeaseRecord | undefined {
  // The column holds lease ids only.
  return leases.get((job.tasks.lease[taskIndex] ?? 0) as LeaseId);
}

/** The task's backup attempt, while there is another. */
export function backupOf(state: State, job: JobRecord, taskIndex: number): LeaseRecord | undefined {
  if (job.backups.size === 0) return undefined;
  const id = job.backups.get(taskIndex);
  return id === undefined ? undefined : state.leases.get(id);
}

/** Another attempt of the same task that is in force: when this one ends badly, the task goes on. */
export function heirOf(state: State, job: JobRecord, lease: LeaseRecord): LeaseRecord | undefined {
  const first = namedLease(state, job, lease.taskIndex);
  if (first !== undefined && first !== lease && !first.isVoid) return first;
  const backup = backupOf(state, job, lease.taskIndex);
  return backup === lease || backup?.isVoid === true ? undefined : backup;
}

// The tasks of `tasks.outputsOf`: one for each output of a job that has ended. Their list is made here, as the
// CLI makes it of files.

import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import type { JobSpec, TaskEntry } from '../../proto/gen/punnet/v1/job.ts';
import { TaskManifest } from '../../proto/gen/punnet/v1/job.ts';
import type { JobSummary, JobTemplate, OutputsOf, TaskSummary } from '../core/index.ts';
import { findOwn } from './after.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { invalid } from './errors.ts';
import { readResult } from './own.ts';

const field = 'spec.tasks.outputsOf';
/** The result of each of its tasks is read, one after the other: half a minute on a slow disk. */
const maxTasks = 100_000;
const tasksOnPage = 1_000;

/** The job whose outputs are wanted; null: none is named, or `violations` says what is wrong with it. */
export function findSource(
  deps: ApiDeps,
  { tasks }: JobSpec,
  caller: Principal,
): { readonly source: JobSummary | null; readonly violations: readonly Violation[] } {
  const name = tasks?.outputsOf ?? '';
  if (name === '') return { source: null, violations: [] };
  const id = findOwn(deps, name, caller);
  const source = id === undefined ? undefined : deps.view().job(id);
  const description =
    source === undefined
      ? `wanted the id or the name of a job of yours, found "${name}": see punnet jobs`
      : sourceProblem(source);
  if (source === undefined || description !== null) {
    return { source: null, violations: [{ field, description: description ?? '' }] };
  }
  return { source, violations: [] };
}

/** A job that goes on has not made all of its outputs; nothing can so wait for itself. */
function sourceProblem({ jobId, template, state, counts }: JobSummary): string | null {
  const job = `job ${template.name} (${jobId})`;
  if (template.outputs.length === 0) {
    return `${job} keeps no outputs: its job file names none in outputs`;
  }
  if (state === 'active') {
    const ended = counts.succeeded + counts.failed + counts.cancelled;
    return `${job} goes on, ${ended} of its ${counts.total} tasks have ended: submit this one when it has ended (punnet job ${jobId} --watch)`;
  }
  if (counts.succeeded === 0)
    return `no task of ${job} has succeeded: there are no outputs to take`;
  if (counts.succeeded * template.outputs.length <= maxTasks) return null;
  return `${job} has over ${maxTasks} outputs: take those of smaller jobs`;
}

/** Its outputs as tasks. */
export interface SourceTasks {
  readonly entries: readonly TaskEntry[];
  readonly outputsOf: OutputsOf;
}

/** Throws when it has none any more. */
export async function sourceTasks(deps: ApiDeps, source: JobSummary): Promise<SourceTasks> {
  const entries: TaskEntry[] = [];
  const tasks: number[] = [];
  for (let from = 0; from < source.template.taskCount;) {
    const page = succeeded(deps, source, from);
    for (const task of page) {
      for (const { path, blob } of (await readResult(deps, task))?.outputs ?? []) {
        entries.push({ path, blob, values: [] });
        tasks.push(task.index);
      }
    }
    from = page.length < tasksOnPage ? source.template.taskCount : (page.at(-1)?.index ?? 0) + 1;
    await nextTurn();
  }
  if (entries.length > 0) return { entries, outputsOf: { jobId: source.jobId, tasks } };
  const description = `job ${source.template.name} (${source.jobId}) has no outputs any more`;
  throw invalid([{ field, description }]);
}

function succeeded(deps: ApiDeps, { jobId }: JobSummary, from: number): readonly TaskSummary[] {
  return deps.view().tasks({ jobId, phase: 'succeeded', from, limit: tasksOnPage });
}

/** Where the outputs of a job are, when they stay at a site. */
export function bornAt({ template }: JobSummary): Pick<JobTemplate, 'home'> {
  const { keepsOutputs = false, site } = template;
  return keepsOutputs && site !== undefined ? { home: site.number } : {};
}

/** Stores the list of these tasks as the caller's; what it names need not be here. */
export async function storeTasks(
  { blobs }: ApiDeps,
  entries: readonly TaskEntry[],
  caller: Principal,
): Promise<BlobRef> {
  const bytes = TaskManifest.encode({ tasks: [...entries] }).finish();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const blob = { sha256, sizeBytes: bytes.length };
  await blobs.resume(one(bytes), blob, { sender: caller.name, offset: 0 });
  await blobs.markOwned(caller.name, sha256);
  return blob;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

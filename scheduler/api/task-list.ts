// The tasks of a manifest: each has an input of its own or a row of the table. They are checked one
// by one when a job is submitted, and tell later which row a task was made from.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import type { Task, TaskEntry } from '../../proto/gen/punnet/v1/job.ts';
import type { JobTemplate, TaskSummary } from '../core/index.ts';
import { placeProblem, rowCheck, rowOf } from '../core/index.ts';
import type { ApiDeps, TaskList } from './deps.ts';
import type { Violation } from './errors.ts';
import { invalid } from './errors.ts';
import { toTask } from './messages.ts';

const maxTasks = 1_000_000;
const violationsTold = 10;
/** A few milliseconds: other callers wait meanwhile. */
const tasksInASlice = 2_000;

/** The tasks' own inputs, in order; none when they are rows. Throws what is wrong with them, at that field. */
export async function checkTaskList(
  tasks: TaskList,
  template: JobTemplate,
  field = 'spec.tasks.manifest',
): Promise<readonly BlobRef[]> {
  if (tasks.length === 0 || tasks.length > maxTasks) {
    const description = `wanted 1 to ${maxTasks} tasks, found ${tasks.length}`;
    throw invalid([{ field, description }]);
  }
  const problemOf = template.columns === undefined ? inputCheck(template) : rowsCheck(template);
  const violations: Violation[] = [];
  const inputs: BlobRef[] = [];
  for (let at = 0; at < tasks.length && violations.length < violationsTold; at += 1) {
    if (at % tasksInASlice === tasksInASlice - 1) await nextTurn();
    const entry = readEntry(tasks, at);
    const problem = entry === undefined ? 'these bytes are no task' : problemOf(entry);
    if (problem !== undefined) {
      violations.push({ field: `${field}.tasks[${at}]`, description: `task ${at}: ${problem}` });
    } else if (entry?.blob !== undefined) inputs.push(entry.blob);
  }
  if (violations.length > 0) throw invalid(violations);
  return inputs;
}

/** A list that is in memory. */
export function listOf(entries: readonly TaskEntry[]): TaskList {
  const entry = (index: number): TaskEntry => {
    const found = entries[index];
    if (found === undefined) throw new Error(`there is no task ${index}`);
    return found;
  };
  return { length: entries.length, entry };
}

function readEntry(tasks: TaskList, at: number): TaskEntry | undefined {
  try {
    return tasks.entry(at);
  } catch {
    return undefined;
  }
}

type Check = (entry: TaskEntry) => string | undefined;

function inputCheck(template: JobTemplate): Check {
  const { sharedInputs, diskBytes } = template;
  const shared = new Set(sharedInputs.map((input) => input.path));
  const sharedBytes = bytesOf(sharedInputs);
  return ({ path, blob, values }) => {
    const problem = placeProblem(path, template);
    if (problem !== null) return problem;
    if (shared.has(path)) return `"${path}" is a shared input too`;
    if (values.length > 0) return 'wanted an input, found a row: tasks.columns names no columns';
    if (blob === undefined) return 'wanted a blob, found none';
    const inputBytes = sharedBytes + blob.sizeBytes;
    if (inputBytes <= diskBytes) return undefined;
    return `its inputs are copied into its work folder: wanted disk of at least ${inputBytes} B for them, found ${diskBytes} B`;
  };
}

function rowsCheck(template: JobTemplate): Check {
  const problemOf = rowCheck(template, template.columns ?? []);
  return ({ blob, values }) => {
    if (blob !== undefined) return 'wanted a row, found an input';
    const found = problemOf(values);
    if (found === null) return undefined;
    return found.column === null ? found.problem : `${found.column}: ${found.problem}`;
  };
}

/** What blobs take together. */
function bytesOf(blobs: readonly { readonly sizeBytes: number }[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Tasks of one job as messages, each with its row. */
export async function toTasks(
  deps: ApiDeps,
  { manifest, columns }: JobTemplate,
  tasks: readonly TaskSummary[],
): Promise<readonly Task[]> {
  if (manifest === null || columns === undefined) return tasks.map(toTask);
  const list = await deps.taskList(manifest.sha256);
  return tasks.map((task) => {
    const row = rowOf(columns, list.entry(task.index).values);
    return { ...toTask(task), row: Object.fromEntries(row) };
  });
}

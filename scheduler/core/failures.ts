// Why tasks of a job fail: grouped by how their last attempt ended.

import { failureExamples, failureGroups, lossesPerTask } from './limits.ts';
import { isLoss } from './apply-leases.ts';
import { taskState } from './columns.ts';
import type { EndCode } from './model/job.ts';
import { endCodes } from './model/job.ts';
import type { JobRecord, State } from './state.ts';
import type { FailureGroup } from './view.ts';

interface Group {
  readonly endCode: EndCode;
  readonly exitCode: number;
  failed: number;
  retrying: number;
  readonly nodes: Set<number>;
  readonly tasks: number[];
}

/** The largest groups first. */
export function groupFailures(state: State, job: JobRecord): readonly FailureGroup[] {
  const groups = new Map<string, Group>();
  for (let index = 0; index < job.template.taskCount; index += 1) {
    const endCode = failureOf(job, index);
    if (endCode === null) continue;
    const exitCode = endCode === 'exited' ? (job.tasks.exitCode[index] ?? 0) : 0;
    const key = `${endCode} ${exitCode}`;
    const group = groups.get(key) ?? newGroup(endCode, exitCode);
    groups.set(key, group);
    if (taskState(job.tasks, index) === 'failed') group.failed += 1;
    else group.retrying += 1;
    group.nodes.add(job.tasks.node[index] ?? -1);
    if (group.tasks.length < failureExamples) group.tasks.push(index);
  }
  return [...groups.values()]
    .sort((a, b) => b.failed - a.failed || b.retrying - a.retrying)
    .slice(0, failureGroups)
    .map(({ nodes, ...group }) => ({ ...group, nodes: nodes.size, sites: sitesOf(state, nodes) }));
}

function newGroup(endCode: EndCode, exitCode: number): Group {
  return { endCode, exitCode, failed: 0, retrying: 0, nodes: new Set(), tasks: [] };
}

/** How the task failed; null: it has not, or it went well in the end. */
function failureOf({ tasks }: JobRecord, index: number): EndCode | null {
  const state = taskState(tasks, index);
  if (state !== 'failed' && state !== 'waiting' && state !== 'leased') return null;
  if (state === 'failed' && (tasks.losses[index] ?? 0) > lossesPerTask) return 'lost';
  const code = endCodes[(tasks.endCode[index] ?? 0) - 1];
  if (code === undefined || (tasks.failures[index] ?? 0) === 0) return null;
  // A node that gave it back says nothing about the task.
  return isLoss(code) || code === 'succeeded' ? null : code;
}

function sitesOf(state: State, nodes: ReadonlySet<number>): number {
  return new Set([...nodes].map((number) => state.nodes[number]?.siteNumber)).size;
}

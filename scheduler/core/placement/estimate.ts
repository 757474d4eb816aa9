// What a task will cost, as far as anybody knows.

import { pilotTasks, unknownWorkGhzSeconds } from '../limits.ts';
import type { JobRecord, NodeRecord } from '../state.ts';

/** GHz·s of one task: declared, or shown by finished ones, or a first guess. */
export function workOf(job: JobRecord): number {
  if (job.template.profile.workGhzSeconds !== null) return job.template.profile.workGhzSeconds;
  if (job.workCount >= pilotTasks) return job.workSumGhzSeconds / job.workCount;
  return unknownWorkGhzSeconds;
}

/** Bytes that must cross the uplink before the task can start on this node. */
export function downBytesOf(job: JobRecord, taskIndex: number, node: NodeRecord): number {
  const own = job.template.taskInputBytes[taskIndex] ?? 0;
  return node.jobsSeen.has(job.number) ? own : own + sharedBytes(job);
}

/** Bundle (the largest, when there are several) and shared inputs. */
function sharedBytes(job: JobRecord): number {
  const bundle = Math.max(0, ...job.template.bundles.map((each) => each.sizeBytes));
  return job.template.sharedInputs.reduce((sum, input) => sum + input.sizeBytes, bundle);
}

export function upBytesOf(job: JobRecord): number {
  return job.template.profile.outputBytes ?? 0;
}

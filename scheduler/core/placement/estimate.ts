// What a task will cost, as far as anybody knows.

import { pilotTasks, unknownWorkGhzSeconds } from '../limits.ts';
import type { JobRecord, NodeRecord, SiteRecord } from '../state.ts';
import type { SiteLoad, TaskCost } from './balance.ts';

/** GHz·s of one task as finished ones have shown it, or as declared; null: nobody knows yet. */
export function knownWorkOf(job: JobRecord): number | null {
  if (job.workCount >= pilotTasks) return job.workSumGhzSeconds / job.workCount;
  return job.template.profile.workGhzSeconds;
}

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

/** What a task would add to its site's load. */
export function costOf(job: JobRecord, taskIndex: number, node: NodeRecord): TaskCost {
  return {
    workGhzSeconds: workOf(job),
    downBits: 8 * downBytesOf(job, taskIndex, node),
    upBits: 8 * upBytesOf(job),
  };
}

/** What is not counted in a site yet: GHz·s, bytes, and leases that have bytes to fetch. */
export interface More {
  readonly work: number;
  readonly down: number;
  readonly up: number;
  readonly incoming: number;
}

const nothingMore: More = { work: 0, down: 0, up: 0, incoming: 0 };

/** What a site has in hand now, and more. */
export function loadOf(site: SiteRecord, more = nothingMore): SiteLoad {
  return {
    workGhzSeconds: site.pendingWorkGhzSeconds + more.work,
    downBits: 8 * (site.pendingDownBytes + more.down),
    upBits: 8 * (site.pendingUpBytes + more.up),
    incoming: site.incoming + more.incoming,
    cpuGhz: site.cpuGhz,
    downBps: site.share * site.downBps,
    upBps: site.share * site.upBps,
  };
}

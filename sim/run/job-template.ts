// A job or a service of the world as the scheduler's core is given it.

import type { JobTemplate, Sha256 } from '../../scheduler/core/index.ts';
import { defaultLostAfterMs, noTimeoutMs, sha256 } from '../../scheduler/core/index.ts';
import type { WorldJob } from '../world/draw-jobs.ts';
import type { Program, WorldService } from '../world/services.ts';

/** Of the program of a job or service: one for all boards, as what is built for the oldest runs on all. */
export function programHash(number: number): Sha256 {
  return sha256(number.toString(16).padStart(64, '0'));
}

/** The number of the job or service that has this program. */
export function programIn(hash: Sha256): number {
  return Number.parseInt(hash.slice(-12), 16);
}

export function templateOf(job: WorldJob, number: number): JobTemplate {
  const { tasks, workGhzSeconds, inputBytes, outputBytes } = job;
  return {
    ...commonOf(job, number),
    ...(job.home !== null && { home: job.home }),
    taskCount: tasks,
    taskInputBytes: new Array<number>(tasks).fill(inputBytes),
    profile: job.isDeclared
      ? { workGhzSeconds, outputBytes }
      : { workGhzSeconds: null, outputBytes: null },
    // Nothing hangs here: what a slow board needs is no mistake.
    timeoutMs: 30 * 24 * 3_600_000,
    lostAfterMs: defaultLostAfterMs,
    service: null,
  };
}

export function serviceTemplateOf(service: WorldService, number: number): JobTemplate {
  const { replicas, rates, lostAfterMs } = service;
  return {
    ...commonOf(service, number),
    taskCount: replicas,
    taskInputBytes: [],
    profile: { workGhzSeconds: null, outputBytes: null },
    timeoutMs: noTimeoutMs,
    lostAfterMs,
    service: { rates },
  };
}

function commonOf(program: Program, number: number) {
  const { name, architectures, outputBytes, bundleBytes, memoryBytes } = program;
  const bundle = { sha256: programHash(number), sizeBytes: bundleBytes, isRootFileSystem: false };
  return {
    name,
    bundles: architectures.map((architecture) => ({ ...bundle, architecture })),
    command: ['run'],
    environment: {},
    sharedInputs: [],
    outputs: outputBytes > 0 ? ['out'] : [],
    manifest: null,
    memoryBytes,
    diskBytes: 100e6,
    retries: 3,
    priority: 0,
    after: [],
    deadlineAt: null,
  };
}

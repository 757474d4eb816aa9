// A job or a service of the world as the scheduler's core is given it.

import type { JobTemplate } from '../../scheduler/core/index.ts';
import { defaultLostAfterMs, noTimeoutMs, sha256 } from '../../scheduler/core/index.ts';
import type { WorldJob } from '../world/draw-jobs.ts';
import type { Program, WorldService } from '../world/services.ts';

const hash = sha256('00'.repeat(32));

export function templateOf(job: WorldJob): JobTemplate {
  const { tasks, workGhzSeconds, inputBytes, outputBytes } = job;
  return {
    ...commonOf(job),
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

export function serviceTemplateOf(service: WorldService): JobTemplate {
  const { replicas, rates, lostAfterMs } = service;
  return {
    ...commonOf(service),
    taskCount: replicas,
    taskInputBytes: [],
    profile: { workGhzSeconds: null, outputBytes: null },
    timeoutMs: noTimeoutMs,
    lostAfterMs,
    service: { rates },
  };
}

function commonOf({ name, architectures, outputBytes, bundleBytes, memoryBytes }: Program) {
  const bundle = { sha256: hash, sizeBytes: bundleBytes, isRootFileSystem: false };
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

// A job of the world as the scheduler's core is given it.

import type { JobTemplate } from '../../scheduler/core/index.ts';
import { sha256 } from '../../scheduler/core/index.ts';
import type { WorldJob } from '../world/draw-jobs.ts';

const hash = sha256('00'.repeat(32));

export function templateOf(job: WorldJob): JobTemplate {
  const { name, tasks, workGhzSeconds, inputBytes, outputBytes, bundleBytes, memoryBytes } = job;
  const bundle = { sha256: hash, sizeBytes: bundleBytes, isRootFileSystem: false };
  return {
    name,
    bundles: job.architectures.map((architecture) => ({ ...bundle, architecture })),
    command: ['run'],
    environment: {},
    sharedInputs: [],
    outputs: outputBytes > 0 ? ['out'] : [],
    taskCount: tasks,
    manifest: null,
    taskInputBytes: new Array<number>(tasks).fill(inputBytes),
    profile: job.isDeclared
      ? { workGhzSeconds, outputBytes }
      : { workGhzSeconds: null, outputBytes: null },
    // Nothing hangs here: what a slow board needs is no mistake.
    timeoutMs: 30 * 24 * 3_600_000,
    memoryBytes,
    diskBytes: 100e6,
    retries: 3,
    lostAfterMs: 15 * 60_000,
    priority: 0,
    after: [],
    deadlineAt: null,
    service: null,
  };
}

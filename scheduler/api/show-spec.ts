// The specification of a job again, as a message, for showing it.

import type { Bundle, JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import type { JobTemplate } from '../core/index.ts';
import { bytes, formatQuantity, span, work } from './quantities.ts';

/** The specification again, for showing a job. */
export function toSpec(template: JobTemplate): JobSpec {
  const { profile, manifest } = template;
  const bundles: Record<string, Bundle> = {};
  for (const { architecture, sha256: hash, sizeBytes, isRootFileSystem } of template.bundles) {
    bundles[architecture] = {
      source: { $case: 'blob', value: { sha256: hash, sizeBytes } },
      rootFileSystem: isRootFileSystem,
    };
  }
  return {
    name: template.name,
    bundles,
    command: [...template.command],
    tasks: {
      count: manifest === null ? template.taskCount : 0,
      inputs: [],
      manifest: manifest === null ? undefined : { ...manifest },
      rows: '',
      columns: [...(template.columns ?? [])],
    },
    sharedInputs: template.sharedInputs.map(({ path, sha256: hash, sizeBytes }) => ({
      path,
      source: { $case: 'blob', value: { sha256: hash, sizeBytes } },
    })),
    outputs: [...template.outputs],
    profile: {
      work: profile.workGhzSeconds === null ? '' : formatQuantity(profile.workGhzSeconds, work),
      output: profile.outputBytes === null ? '' : formatQuantity(profile.outputBytes, bytes),
    },
    timeout: formatQuantity(template.timeoutMs, span),
    memory: formatQuantity(template.memoryBytes, bytes),
    disk: formatQuantity(template.diskBytes, bytes),
    retries: template.retries,
    environment: { ...template.environment },
    lostAfter: formatQuantity(template.lostAfterMs, span),
    priority: template.priority,
    after: [...template.after],
    deadline: template.deadlineAt === null ? '' : new Date(template.deadlineAt).toISOString(),
  };
}

// The specification of a job again, as a message, for showing it.

import type { Bundle, JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import type { JobTemplate, Service } from '../core/index.ts';
import { bytes, formatQuantity, rate, span, speed, work } from './quantities.ts';

/** The specification again, for showing a job. */
export function toSpec(template: JobTemplate): JobSpec {
  const { service } = template;
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
    sharedInputs: template.sharedInputs.map(({ path, sha256: hash, sizeBytes }) => ({
      path,
      source: { $case: 'blob', value: { sha256: hash, sizeBytes } },
    })),
    outputs: [...template.outputs],
    memory: formatQuantity(template.memoryBytes, bytes),
    disk: formatQuantity(template.diskBytes, bytes),
    environment: { ...template.environment },
    lostAfter: formatQuantity(template.lostAfterMs, span),
    priority: template.priority,
    checkpoint: template.keepsCheckpoint ?? false,
    network: template.network ?? 'none',
    site: template.site?.siteId ?? '',
    keepOutputs: template.keepsOutputs === true ? 'site' : 'origin',
    after: [...template.after],
    deadline: template.deadlineAt === null ? '' : new Date(template.deadlineAt).toISOString(),
    ...(service === null ? ofTasks(template) : ofService(service, template.taskCount)),
  };
}

/** What tells tasks that end from replicas, which do not. */
type OfKind = Pick<JobSpec, 'tasks' | 'profile' | 'timeout' | 'retries' | 'service'>;

function ofTasks({ profile, manifest, outputsOf, ...template }: JobTemplate): OfKind {
  const { internetBytes } = template;
  const { workGhzSeconds, outputBytes } = profile;
  return {
    tasks: {
      count: manifest === null ? template.taskCount : 0,
      inputs: [],
      manifest: manifest === null ? undefined : { ...manifest },
      rows: '',
      columns: [...(template.columns ?? [])],
      outputsOf: outputsOf?.jobId ?? '',
    },
    profile: {
      work: workGhzSeconds === null ? '' : formatQuantity(workGhzSeconds, work),
      output: outputBytes === null ? '' : formatQuantity(outputBytes, bytes),
      internet: internetBytes === undefined ? '' : formatQuantity(internetBytes, bytes),
    },
    timeout: formatQuantity(template.timeoutMs, span),
    retries: template.retries,
    service: undefined,
  };
}

function ofService({ rates }: Service, replicas: number): OfKind {
  const { cpuGhz, downBps, upBps } = rates;
  return {
    tasks: undefined,
    profile: undefined,
    timeout: '',
    retries: undefined,
    service: {
      replicas,
      rates: {
        cpu: cpuGhz === null ? '' : formatQuantity(cpuGhz, speed),
        down: downBps === 0 ? '' : formatQuantity(downBps, rate),
        up: upBps === 0 ? '' : formatQuantity(upBps, rate),
      },
    },
  };
}

// The specification of a job again, as a message, for showing it.

import type { Bundle, JobSpec, Service as ProtoService } from '../../proto/gen/punnet/v1/job.ts';
import type { JobTemplate, Service } from '../core/index.ts';
import { bytes, formatQuantity, rate, span, speed, work } from './quantities.ts';

/** The specification again, for showing a job. */
export function toSpec(template: JobTemplate): JobSpec {
  const { profile, manifest, service } = template;
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
    tasks:
      service !== null
        ? undefined
        : {
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
    profile:
      service !== null
        ? undefined
        : {
            work:
              profile.workGhzSeconds === null ? '' : formatQuantity(profile.workGhzSeconds, work),
            output: profile.outputBytes === null ? '' : formatQuantity(profile.outputBytes, bytes),
          },
    timeout: service !== null ? '' : formatQuantity(template.timeoutMs, span),
    memory: formatQuantity(template.memoryBytes, bytes),
    disk: formatQuantity(template.diskBytes, bytes),
    retries: service !== null ? undefined : template.retries,
    environment: { ...template.environment },
    lostAfter: formatQuantity(template.lostAfterMs, span),
    priority: template.priority,
    checkpoint: template.keepsCheckpoint ?? false,
    after: [...template.after],
    deadline: template.deadlineAt === null ? '' : new Date(template.deadlineAt).toISOString(),
    service: service === null ? undefined : toService(service, template.taskCount),
  };
}

function toService({ rates }: Service, replicas: number): ProtoService {
  const { cpuGhz, downBps, upBps } = rates;
  return {
    replicas,
    rates: {
      cpu: cpuGhz === null ? '' : formatQuantity(cpuGhz, speed),
      down: downBps === 0 ? '' : formatQuantity(downBps, rate),
      up: upBps === 0 ? '' : formatQuantity(upBps, rate),
    },
  };
}

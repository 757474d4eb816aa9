// JobService.TryJob: what would become of a job, without a word in the journal.

import { Job } from '../../proto/gen/punnet/v1/job.ts';
import type { TryJobRequest, TryJobResponse } from '../../proto/gen/punnet/v1/job_service.ts';
import type { DryRun, JobSummary, JobTemplate } from '../core/index.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { fromRefusal, invalid } from './errors.ts';
import { toEstimate } from './messages.ts';
import { bornAt, sourceTasks } from './outputs-of.ts';
import { check } from './submit-job.ts';

const maxTasks = 1_000_000;

export async function tryJob(
  deps: ApiDeps,
  request: TryJobRequest,
  caller: Principal,
): Promise<TryJobResponse> {
  const { spec } = request;
  const checked = check(deps, { spec, requestId: '', validateOnly: true }, caller);
  const { template, source } = checked;
  const tasks = source === null ? request : await countOutputs(deps, source);
  const born = source === null ? {} : bornAt(source);
  const whole = { ...withTasks(template, tasks), ...born };
  const wanted = { researcher: caller.name, template: whole };
  const refusal = deps.view().refuseJob(wanted);
  if (refusal !== null) throw fromRefusal(refusal, 'spec');
  const result = deps.view().dryRun(wanted);
  const job = Job.fromPartial({
    researcher: caller.name,
    ...(spec && { spec }),
    ...toEstimate(result.forecast),
    deadlineUnixMs: template.deadlineAt ?? 0,
    isLate: result.isLate,
    waitsFor: [...result.waitsFor],
  });
  return { job, fit: toFit(result) };
}

type TaskSum = Pick<TryJobRequest, 'tasks' | 'inputBytes'>;

async function countOutputs(deps: ApiDeps, source: JobSummary): Promise<TaskSum> {
  const { entries } = await sourceTasks(deps, source);
  const inputBytes = entries.reduce((sum, { blob }) => sum + (blob?.sizeBytes ?? 0), 0);
  return { tasks: entries.length, inputBytes };
}

/** One mean input stands for all: an estimate needs no more. */
function withTasks(template: JobTemplate, { tasks, inputBytes }: TaskSum): JobTemplate {
  if (template.taskCount > 0) return template;
  if (!(tasks > 0 && tasks <= maxTasks)) {
    const description = `wanted 1 to ${maxTasks}, found ${tasks}`;
    throw invalid([{ field: 'tasks', description }]);
  }
  return { ...template, taskCount: tasks, taskInputBytes: [Math.max(0, inputBytes) / tasks] };
}

function toFit(result: DryRun): TryJobResponse['fit'] {
  return {
    nodes: result.fittingNodes,
    sites: result.fittingSites,
    refusals: result.refusals.map((each) => ({ ...each })),
    bySite: result.sites.map((each) => ({ ...each })),
  };
}

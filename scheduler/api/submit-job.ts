// JobService.SubmitJob: a specification is checked, its blobs are looked for, and the core takes it.

import { randomBytes } from 'node:crypto';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import type { JobSpec } from '../../proto/gen/punnet/v1/job.ts';
import { Job } from '../../proto/gen/punnet/v1/job.ts';
import type { SubmitJobRequest } from '../../proto/gen/punnet/v1/job_service.ts';
import type { JobId, JobSummary, JobTemplate } from '../core/index.ts';
import { jobId, sha256, siteId } from '../core/index.ts';
import { findAfter } from './after.ts';
import type { Principal } from './auth.ts';
import { readDeadline } from './deadline.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid } from './errors.ts';
import type { CheckedSpec } from './job-spec.ts';
import { checkSpec } from './job-spec.ts';
import { toJob } from './messages.ts';
import { ownJob } from './own.ts';
import { checkTaskList, listOf } from './task-list.ts';
import { bornAt, findSource, sourceTasks, storeTasks } from './outputs-of.ts';
import { requestIdViolations } from './request-id.ts';

/** Missing blobs told of in one answer. */
const violationsTold = 64;

export async function submitJob(
  deps: ApiDeps,
  request: SubmitJobRequest,
  caller: Principal,
): Promise<Job> {
  const { requestId, validateOnly } = request;
  const checked = check(deps, request, caller);
  const { template, source } = checked;
  if (validateOnly) {
    const refusal = deps.view().refuseJob({ researcher: caller.name, template });
    if (refusal !== null) throw fromRefusal(refusal, 'spec');
    return Job.fromPartial({
      researcher: caller.name,
      ...(request.spec && { spec: request.spec }),
    });
  }
  await mustHave(deps, checked.blobs, caller);
  await mustFit(deps, template);
  const answer = await deps.submit({
    kind: 'submitJob',
    jobId: newJobId(),
    researcher: caller.name,
    requestId,
    template:
      source === null
        ? await withManifest(deps, template, caller)
        : await withOutputs(deps, { template, source }, caller),
  });
  if (answer.kind === 'refused') throw fromRefusal(answer, 'spec');
  if (answer.kind !== 'job') throw new Error(`a submit was answered with ${answer.kind}`);
  return toJob(ownJob(deps, answer.jobId, caller));
}

/** What was checked, and the job whose outputs are its tasks' inputs, if there is one. */
export interface CheckedJob extends CheckedSpec {
  readonly source: JobSummary | null;
}

/** Throws all mistakes of a request at once. */
export function check(deps: ApiDeps, request: SubmitJobRequest, caller: Principal): CheckedJob {
  const { spec, requestId, validateOnly } = request;
  if (spec === undefined) {
    throw invalid([{ field: 'spec', description: 'wanted a job, found none' }]);
  }
  const { violations, checked } = checkSpec(spec, validateOnly);
  const all = violations.map(({ field, description }) => ({
    field: field === '' ? 'spec' : `spec.${field}`,
    description,
  }));
  const { after, violations: unknown } = findAfter(deps, spec.after, caller);
  const { deadlineAt, violations: notThen } = readDeadline(spec.deadline, deps.now());
  const { source, violations: notThere } = findSource(deps, spec, caller);
  const { site, violations: noSite } = findSite(deps, spec.site);
  all.push(...unknown, ...notThen, ...notThere, ...noSite, ...mayHaveInternet(deps, spec));
  if (!validateOnly) all.push(...requestIdViolations(requestId));
  if (all.length > 0) throw invalid(all);
  const template = { ...checked.template, ...site, after, deadlineAt };
  return { ...checked, template, source };
}

function mayHaveInternet(deps: ApiDeps, { network }: JobSpec): readonly Violation[] {
  if (network !== 'internet' || deps.isInternetAllowed) return [];
  const description =
    'the operator of this federation lets no job reach the internet (punnet-scheduler --internet does): ask for that, or leave it out';
  return [{ field: 'spec.network', description }];
}

function findSite(
  deps: ApiDeps,
  name: string,
): {
  readonly site: Pick<JobTemplate, 'site'>;
  readonly violations: readonly Violation[];
} {
  if (name === '') return { site: {}, violations: [] };
  const number = deps.view().siteNumber(siteId(name));
  if (number !== undefined)
    return { site: { site: { number, siteId: siteId(name) } }, violations: [] };
  const description = `wanted a site of the federation, found "${name}": ask an operator for its name (punnet sites)`;
  return { site: {}, violations: [{ field: 'spec.site', description }] };
}

/** Ten characters without look-alikes. */
function newJobId(): JobId {
  const letters = '0123456789abcdefghjkmnpqrstvwxyz';
  return jobId(`j${[...randomBytes(10)].map((byte) => letters.charAt(byte % 32)).join('')}`);
}

interface NamedBlob {
  readonly field: string;
  readonly blob: BlobRef;
}

/** Throws when the caller has not uploaded one of the blobs: then it is missing, though it may be here. */
export async function mustHave(
  deps: ApiDeps,
  named: readonly NamedBlob[],
  caller: Principal,
): Promise<void> {
  const blobs = named.map(({ blob }) => blob);
  const missing = new Set(await deps.blobs.missing(caller.name, blobs));
  refuseWithout(named.filter(({ blob }) => missing.has(blob)));
}

function refuseWithout(missing: readonly NamedBlob[]): void {
  if (missing.length === 0) return;
  const violations = missing.slice(0, violationsTold).map(({ field, blob }) => ({
    field: `spec.${field}`,
    description: `blob ${blob.sha256} of ${blob.sizeBytes} bytes is not here: upload it first`,
  }));
  throw invalid(violations);
}

/** Throws when a bundle is for other machines than it is said to be. */
export async function mustFit(deps: ApiDeps, { bundles }: JobTemplate): Promise<void> {
  const violations: Violation[] = [];
  for (const bundle of bundles) {
    const description = await deps.bundleProblem(bundle.sha256, bundle);
    const field = `spec.bundles["${bundle.architecture}"]`;
    if (description !== null) violations.push({ field, description });
  }
  if (violations.length > 0) throw invalid(violations);
}

/** Reads the tasks' own inputs or rows from the manifest, and checks them. */
async function withManifest(
  deps: ApiDeps,
  template: JobTemplate,
  caller: Principal,
): Promise<JobTemplate> {
  if (template.manifest === null) return template;
  const tasks = await deps.taskList(template.manifest.sha256);
  const inputs = await checkTaskList(tasks, template);
  const seen = new Set<string>();
  const distinct = inputs.filter(({ sha256 }) => seen.size < seen.add(sha256).size);
  const missing = await deps.blobs.missing(caller.name, distinct);
  refuseWithout(missing.map((blob) => ({ field: 'tasks.manifest', blob })));
  return {
    ...template,
    taskCount: tasks.length,
    taskInputBytes: inputs.map((blob) => blob.sizeBytes),
  };
}

/** Its tasks' inputs are the outputs of a job of the caller's: nobody uploads them. */
async function withOutputs(
  deps: ApiDeps,
  { template, source }: { readonly template: JobTemplate; readonly source: JobSummary },
  caller: Principal,
): Promise<JobTemplate> {
  const { entries, outputsOf } = await sourceTasks(deps, source);
  const inputs = await checkTaskList(listOf(entries), template, 'spec.tasks.outputsOf');
  const manifest = await storeTasks(deps, entries, caller);
  return {
    ...template,
    ...bornAt(source),
    taskCount: entries.length,
    manifest: { sha256: sha256(manifest.sha256), sizeBytes: manifest.sizeBytes },
    taskInputBytes: inputs.map((blob) => blob.sizeBytes),
    outputsOf,
  };
}

// Outputs that stay on the nodes that made them: which node keeps what, and who needs it. What a task made is where it ended,
// so that the end of a task is all that is in the journal.

import { taskState } from './columns.ts';
import type { OutputsCame } from './commands.ts';
import type { Decision } from './decision.ts';
import { nothing } from './decision.ts';
import type { Effect } from './effects.ts';
import { lookForJob } from './leases.ts';
import type { Instant, JobId } from './model/ids.ts';
import type { JobRecord, NodeRecord, State } from './state.ts';
import { mustHave } from './state.ts';
import type { Keeper } from './view.ts';
import { agoText } from './words.ts';

/** What a node tells of the outputs that it keeps. */
export interface KeptOutputs {
  /** Jobs that it keeps outputs of. */
  readonly jobIds: readonly JobId[];
  /** Where nodes of its LAN reach it; empty: nowhere. */
  readonly address: string;
  readonly port: number;
}

/** What is known of that; soft, as it is told again. */
export interface KnownKept extends KeptOutputs {
  /** Jobs of which it told before that it keeps outputs, and tells it no more. */
  readonly letGo: readonly JobId[];
}

/** The task whose kept outputs hold the input of another one. */
export interface SourceTask {
  readonly job: JobRecord;
  readonly taskIndex: number;
}

/** Where the input of a job's task was made and stays; null: it has none, or that is at the origin. */
export function sourceOf(
  { jobById }: State,
  { template: { outputsOf } }: JobRecord,
  taskIndex: number,
): SourceTask | null {
  if (outputsOf === undefined) return null;
  const job = jobById.get(outputsOf.jobId);
  const index = outputsOf.tasks[taskIndex];
  if (job?.template.keepsOutputs !== true || index === undefined) return null;
  return { job, taskIndex: index };
}

/** The node that keeps the outputs of a task; null: it has not succeeded, or they are at the origin. */
export function keeperOf({ nodes }: State, { job, taskIndex }: SourceTask): NodeRecord | null {
  const { template, tasks } = job;
  if (template.keepsOutputs !== true || !(taskIndex < template.taskCount)) return null;
  if (taskState(tasks, taskIndex) !== 'succeeded') return null;
  return mustHave(nodes[tasks.node[taskIndex] ?? -1], 'node of task', taskIndex);
}

/** The node that keeps the input of a job's task; null: none does. */
export function inputKeeper(state: State, job: JobRecord, taskIndex: number): NodeRecord | null {
  const source = sourceOf(state, job, taskIndex);
  return source === null ? null : keeperOf(state, source);
}

/** Whether the task's input can be had: nobody keeps it, its keeper is here, or the origin has it too. */
export function isInputHere(state: State, job: JobRecord, taskIndex: number): boolean {
  const source = sourceOf(state, job, taskIndex);
  if (source === null || isSent(source)) return true;
  const keeper = keeperOf(state, source);
  return keeper === null || (isHere(keeper) && !hasLetGo(keeper, source));
}

/** The bytes are lost: nobody else has them. */
function hasLetGo({ keeper }: NodeRecord, { job }: SourceTask): boolean {
  return keeper?.letGo.includes(job.jobId) ?? false;
}

/** What is known of a node's kept outputs after it told of them; null: it never kept any. */
export function knownKept(
  { jobById }: State,
  { keeper: before }: NodeRecord,
  told: KeptOutputs,
): KnownKept | null {
  if (before === null && told.jobIds.length === 0) return null;
  const has = new Set(told.jobIds);
  const known = new Set([...(before?.letGo ?? []), ...(before?.jobIds ?? [])]);
  const letGo = [...known].filter((id) => !has.has(id) && jobById.has(id));
  return { ...told, letGo };
}

/** Whether the task's input has come to the origin from the node that keeps it. */
export function isInputSent(state: State, job: JobRecord, taskIndex: number): boolean {
  const source = sourceOf(state, job, taskIndex);
  return source !== null && isSent(source);
}

function isSent({ job, taskIndex }: SourceTask): boolean {
  return job.sentOutputs.has(taskIndex);
}

/** The outputs of a task are at the origin; harmless again. */
export function outputsCame(state: State, command: OutputsCame, now: Instant): Decision {
  const { taskIndex } = command;
  const job = state.jobById.get(command.jobId);
  const source = job === undefined ? null : { job, taskIndex };
  if (source === null || isSent(source) || keeperOf(state, source) === null) return nothing;
  const fact = { kind: 'outputsSent', at: now, jobNumber: source.job.number, taskIndex } as const;
  return { ...nothing, facts: [fact] };
}

function isHere({ health, lastHeardAt }: NodeRecord): boolean {
  return health === 'healthy' && lastHeardAt > 0;
}

/** As the node's agent has it. */
function isMonthUsed({ status }: NodeRecord): boolean {
  const month = status?.month ?? null;
  return month !== null && month.usedBytes >= month.allotmentBytes;
}

/** Why the task's input can't be had now, and what helps; null: it can. */
export function awayText(
  state: State,
  {
    job,
    taskIndex,
    now,
  }: { readonly job: JobRecord; readonly taskIndex: number; readonly now: Instant },
): string | null {
  const keeper = inputKeeper(state, job, taskIndex);
  if (keeper === null || isInputHere(state, job, taskIndex)) return null;
  const { health, lastHeardAt, name, nodeId } = keeper;
  const site = mustHave(state.sites[keeper.siteNumber], 'site', keeper.siteNumber);
  const input = `The input of task ${taskIndex} is on node ${name} (${nodeId}, site ${site.siteId}) alone`;
  const made = job.template.outputsOf?.jobId ?? '';
  if (health === 'revoked') {
    return `${input}, which was revoked: it is lost. What helps: cancel this job, and run job ${made} again.`;
  }
  if (isHere(keeper)) {
    return `${input}, which keeps it no more: its owner leaves less for that, or its disk has lost it. What helps: cancel this job, and run job ${made} again.`;
  }
  const since = keeper.silentSince > 0 ? keeper.silentSince : lastHeardAt;
  const heard = since > 0 ? `was last heard ${agoText(now - since)} ago` : 'has not been heard yet';
  return `${input}, which ${heard}. What helps: that it comes back (punnet node ${nodeId}), or to run job ${made} again.`;
}

/** What was found of a job's first waiting tasks: none before `next` has an input that can be had, as long as all else is the same. */
interface Passed {
  readonly next: number;
  readonly news: number;
  readonly source: JobRecord | undefined;
  readonly sent: number;
}

/** A memory of walks over many tasks that wait for a node that is away; it changes no answer. */
const passed = new WeakMap<JobRecord, Passed>();

/** The first task of the job that may wait and have an input that can be had. */
export function firstToLookAt(state: State, job: JobRecord): number {
  const known = passed.get(job);
  if (known === undefined) return job.cursor;
  const { next, ...then } = known;
  const now = keptNow(state, job);
  const isSame = then.news === now.news && then.source === now.source && then.sent === now.sent;
  return isSame ? Math.max(next, job.cursor) : job.cursor;
}

/** No waiting task of the job before this one has an input that can be had. */
export function passOver(state: State, job: JobRecord, next: number): void {
  if (job.template.outputsOf !== undefined) passed.set(job, { next, ...keptNow(state, job) });
}

/** A task of it waits that did not. */
export function waitsAgain(job: JobRecord): void {
  passed.delete(job);
}

function keptNow(
  { keptNews, jobById }: State,
  { template: { outputsOf } }: JobRecord,
): Omit<Passed, 'next'> {
  const source = outputsOf === undefined ? undefined : jobById.get(outputsOf.jobId);
  return { news: keptNews, source, sent: source?.sentOutputs.size ?? 0 };
}

/** Kept outputs can be had again, of this job or, where none is named, of any: tasks that wait for them may be placed. Called by apply only. */
export function lookForKept(state: State, source?: JobId): void {
  if (source === undefined) state.keptNews += 1;
  for (const number of state.waitingJobs) {
    const job = mustHave(state.jobs.get(number), 'job', number);
    const { outputsOf } = job.template;
    if (outputsOf !== undefined && outputsOf.jobId === (source ?? outputsOf.jobId)) {
      lookForJob(state, job);
    }
  }
}

/** What a node keeps of jobs that are gone it need not keep. */
export function releaseGone(
  state: State,
  { nodeId }: NodeRecord,
  { jobIds }: KeptOutputs,
): readonly Effect[] {
  const gone = jobIds.filter((id) => state.jobById.get(id)?.template.keepsOutputs !== true);
  return gone.length === 0 ? [] : [{ kind: 'releaseKept', nodeId, jobIds: gone }];
}

/** An active job whose tasks' inputs are outputs that this one keeps; undefined: there is none. */
export function takerOf(state: State, { jobId, template }: JobRecord): JobRecord | undefined {
  if (template.keepsOutputs !== true) return undefined;
  for (const job of state.jobs.values()) {
    if (job.state === 'active' && job.template.outputsOf?.jobId === jobId) return job;
  }
  return undefined;
}

/** As the edge sees it. */
export function showKeeper(state: State, source: SourceTask): Keeper | null {
  const node = keeperOf(state, source);
  if (node === null) return null;
  const { siteId } = mustHave(state.sites[node.siteNumber], 'site', node.siteNumber);
  const { nodeId, name, health, lastHeardAt, silentSince, keeper } = node;
  const { address, port } = keeper ?? { address: '', port: 0 };
  const heardAt = silentSince > 0 ? silentSince : lastHeardAt;
  return {
    ...{ jobId: source.job.jobId, taskIndex: source.taskIndex, nodeId, name, siteId },
    ...{ siteNumber: node.siteNumber, isHere: isHere(node), isRevoked: health === 'revoked' },
    ...{ isSent: isSent(source), isMonthUsed: isMonthUsed(node), heardAt, address, port },
  };
}

// What holds waiting tasks, at how many nodes, and what would free them; why a placed task is where
// it is.

import { taskState } from '../columns.ts';
import { causeText, heldText } from '../dependencies.ts';
import { tellInputs } from '../distribution/tell-inputs.ts';
import { isOpen, slotLeases, slotsOf } from '../leases.ts';
import { awayText } from '../kept.ts';
import { leasesPerSlot, sitesExplained } from '../limits.ts';
import type { Instant, LeaseId } from '../model/ids.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Explanation, RefusalCount, SiteBacklog, TaskSummary } from '../view.ts';
import { linkSecondsOf } from './balance.ts';
import { loadOf } from './estimate.ts';
import type { Refusal } from './filter.ts';
import { tellGroup } from './refusal-groups.ts';
import type { Round } from './round.ts';
import { rolloutText } from '../roll-services.ts';
import { asOf, isResting } from '../services.ts';
import { countOf } from '../words.ts';
import { refuseQuota, refuseTurn } from '../queue/refuse.ts';

/** The waiting tasks of a job. */
export function explainJob(round: Round, job: JobRecord): Explanation {
  const { state } = round;
  const { template } = job;
  if (job.state !== 'active') return { summary: endedText(state, job), refusals: [], sites: [] };
  if (job.waitsFor.length > 0) return { summary: heldJobText(state, job), refusals: [], sites: [] };
  if (job.replicas !== null) return explainService(round, job);
  if (job.waiting > 0) {
    const what = `${waitsText(job)}${bornText(state, job)}`;
    // Of others the inputs can be had.
    const taskIndex = round.nextTask(job) ?? job.cursor;
    return explainWaiting(round, { job, taskIndex }, what);
  }
  const ended = template.taskCount - job.leased;
  const { size } = job.backups;
  const backups = size === 0 ? '' : ` ${countOf(size, 'backup attempt')} on idle slots.`;
  const summary = `Nothing waits: of ${template.taskCount} tasks, ${job.leased} are on nodes and ${ended} have ended.${stagingText(state, job)}${backups}`;
  return { summary, refusals: [], sites: [] };
}

/** Where its tasks' inputs are, when that is a site. */
function bornText({ sites }: State, { template }: JobRecord): string {
  const site = template.home === undefined ? undefined : sites[template.home];
  return site === undefined ? '' : `; its inputs are at site ${site.siteId}`;
}

/** What holds the first replica that may start, or how the service is. */
function explainService(round: Round, job: JobRecord): Explanation {
  const isWaiting = (index: number): boolean => taskState(job.tasks, index) === 'waiting';
  const waiting = [...(job.replicas ?? []).keys()].filter(isWaiting);
  const held = countOf(job.template.taskCount, 'replica');
  const rollout = rolloutText(job);
  const change = rollout === '' ? '' : `. Its change: ${rollout}`;
  const what = `Of ${held}, ${job.leased} are on nodes and ${waiting.length} wait${change}`;
  const first = waiting.find((index) => !isResting(job, index));
  if (first !== undefined) {
    return explainWaiting(round, { job: asOf(job, first), taskIndex: first }, what);
  }
  const [resting] = waiting;
  const rest = resting === undefined ? '' : ` ${restText(round, job, resting)}`;
  return { summary: `${what}.${rest}`, refusals: [], sites: [] };
}

/** Why a waiting replica is not placed yet. */
function restText({ now }: Round, job: JobRecord, index: number): string {
  const { restsUntil = 0, quickEnds = 0 } = job.replicas?.[index] ?? {};
  const left = Math.max(1, Math.ceil((restsUntil - now) / 1_000));
  const often = quickEnds === 1 ? 'it ended soon' : `it ended ${quickEnds} times, each time soon`;
  return `Replica ${index} rests for another ${left} s: ${often} after it had been placed (punnet logs ${job.jobId} ${index}).`;
}

function heldJobText(state: State, job: JobRecord): string {
  return `The job ${heldText(state, job)}.`;
}

function endedText(state: State, job: JobRecord): string {
  const { template, failed } = job;
  const cause = causeText(state, job);
  if (cause !== '') return `The job was cancelled: ${cause}.`;
  if (job.state !== 'failed') return `The job has ended: ${job.state}.`;
  const count = `${failed} of ${template.taskCount} tasks failed for good`;
  return `The job has ended: ${count} (punnet tasks, punnet logs and punnet explain tell why).`;
}

/** One task, wherever it is. */
export function explainTask(round: Round, job: JobRecord, task: TaskSummary): Explanation {
  const { state } = round;
  if (task.phase === 'waiting' && job.waitsFor.length > 0) {
    return { summary: heldJobText(state, job), refusals: [], sites: [] };
  }
  if (task.phase === 'waiting' && isResting(job, task.index)) {
    return { summary: restText(round, job, task.index), refusals: [], sites: [] };
  }
  if (task.phase === 'waiting') {
    const what = `Task ${task.index} waits`;
    const own = asOf(job, task.index);
    return explainWaiting(round, { job: own, taskIndex: task.index }, what);
  }
  const why = task.placement === '' ? '' : ` Why there: ${task.placement}.`;
  return {
    summary: `${placedText(state, job, task)}${why}${backupText(task)}`,
    refusals: [],
    sites: [],
  };
}

function backupText({ backupNodeName }: TaskSummary): string {
  if (backupNodeName === '') return '';
  return ` A backup attempt is at ${backupNodeName}, an idle slot that is expected to be done earlier; the first result wins.`;
}

function placedText(state: State, job: JobRecord, task: TaskSummary): string {
  const name = `Task ${task.index}`;
  const there = task.nodeId === null ? '' : ` at ${task.nodeName} (site ${task.siteId ?? '?'})`;
  switch (task.phase) {
    case 'staging':
      return `${name} is${there}, and has not started: its inputs are on the way${inputsThere(state, job, task.index)}.`;
    case 'running':
      return `${name} is running${there}.`;
    case 'sending':
      return `${name} has run${there}, and its results are on the way.`;
    case 'failed': {
      const end = task.endCode === 'exited' ? `exit code ${task.exitCode}` : task.endCode;
      const lost = task.losses > 0 ? ` and ${countOf(task.losses, 'lost one')}` : '';
      const attempts = `after ${countOf(task.failures, 'failed attempt')}${lost}`;
      return `${name} failed for good ${attempts}, the last${there}: ${end ?? 'unknown'}.`;
    }
    default:
      return `${name} ${task.phase}${there}.`;
  }
}

/** ": of input map (50.0 MB) 40% is there, …", or empty. */
function inputsThere(state: State, { tasks }: JobRecord, index: number): string {
  // The column holds lease ids only.
  const lease = state.leases.get((tasks.lease[index] ?? 0) as LeaseId);
  const text = lease === undefined ? '' : tellInputs(state, lease);
  return text === '' ? '' : `: ${text}`;
}

/** Of tasks that have not started the first whose blobs are on the way; empty: of none that is known. */
function stagingText(state: State, job: JobRecord): string {
  if (job.leased - job.running - job.sending <= 0) return '';
  for (const lease of state.leases.values()) {
    const { jobNumber, phase, isVoid, taskIndex, nodeNumber } = lease;
    const isStaging = phase !== 'running' && phase !== 'sending';
    if (jobNumber !== job.number || isVoid || !isStaging) continue;
    const there = inputsThere(state, job, taskIndex);
    const name = state.nodes[nodeNumber]?.name ?? '?';
    if (there !== '') return ` Inputs of task ${taskIndex} are on the way to ${name}${there}.`;
  }
  return '';
}

interface Waiting {
  readonly job: JobRecord;
  readonly taskIndex: number;
}

function explainWaiting(round: Round, waiting: Waiting, what: string): Explanation {
  const { state, now } = round;
  const away = awayText(state, { ...waiting, now });
  if (away !== null) return { summary: `${what}. ${away}`, refusals: [], sites: [] };
  const refusals = countRefusals(round, waiting);
  const sites = state.sites
    .filter((site) => site.nodeNumbers.length > 0)
    .map((site) => backlogOf(state, site))
    .sort((a, b) => secondsOf(a) - secondsOf(b))
    .slice(0, sitesExplained);
  const nodeCount = refusals.reduce((sum, refusal) => sum + refusal.count, 0);
  return { summary: `${what}. ${summarize(refusals, nodeCount)}`, refusals, sites };
}

function countRefusals(round: Round, waiting: Waiting): readonly RefusalCount[] {
  const { state, now } = round;
  const refused: { readonly node: NodeRecord; readonly refusal: Refusal }[] = [];
  for (const node of state.nodes) {
    if (node.health === 'revoked') continue;
    const no = round.refuse(waiting.job, node) ?? refusePlace(round, waiting, node);
    refused.push({ node, refusal: no });
  }
  return groupRefusals(refused, { job: waiting.job, now });
}

/** One for each code, most nodes first. */
export function groupRefusals(
  refused: readonly { readonly node: NodeRecord; readonly refusal: Refusal }[],
  about: { readonly job: JobRecord; readonly now: Instant },
): readonly RefusalCount[] {
  const groups = new Map<string, { readonly first: Refusal; readonly nodes: NodeRecord[] }>();
  for (const { node, refusal } of refused) {
    const group = groups.get(refusal.code);
    if (group === undefined) groups.set(refusal.code, { first: refusal, nodes: [node] });
    else group.nodes.push(node);
  }
  const counts = [...groups.values()].map(({ first, nodes }) => ({
    ...tellGroup(first, nodes, about),
    count: nodes.length,
    sites: new Set(nodes.map((node) => node.siteNumber)).size,
  }));
  return counts.sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}

/** The node fits; what keeps the task from it now. */
function refusePlace(round: Round, { job, taskIndex }: Waiting, node: NodeRecord): Refusal {
  const { state, now } = round;
  const quota = refuseQuota(state, job);
  if (quota !== null) return quota;
  if (!isOpen(state, node.number)) {
    return {
      code: 'busy',
      reason: `all slots are busy, each with ${leasesPerSlot} tasks (one runs, one is next)`,
      remedy: 'wait for tasks to end, or enrol more nodes',
    };
  }
  // A service is spread, whatever the policy.
  const hold = job.replicas === null ? round.hold(round.optionOf(job, taskIndex, node)) : null;
  return (
    hold ??
    refuseTurn(state, { job, now }) ?? {
      code: 'next',
      reason: 'a slot is free and takes a task at this moment',
      remedy: 'wait',
    }
  );
}

function backlogOf(state: State, site: SiteRecord): SiteBacklog {
  let nodes = 0;
  let freeSlots = 0;
  for (const number of site.nodeNumbers) {
    const node = mustHave(state.nodes[number], 'node', number);
    if (node.health === 'revoked') continue;
    nodes += 1;
    if (node.health === 'healthy') freeSlots += Math.max(0, slotsOf(node) - slotLeases(node));
  }
  const cpuSeconds = site.cpuGhz === 0 ? 0 : site.pendingWorkGhzSeconds / site.cpuGhz;
  const { down, up } = linkSecondsOf(loadOf(site));
  const link = down >= up ? 'uplink down' : 'uplink up';
  return {
    siteId: site.siteId,
    nodes,
    freeSlots,
    cpuSeconds,
    downSeconds: down,
    upSeconds: up,
    binding: cpuSeconds >= Math.max(down, up) ? 'cpu' : link,
  };
}

function secondsOf({ cpuSeconds, downSeconds, upSeconds }: SiteBacklog): number {
  return Math.max(cpuSeconds, downSeconds, upSeconds);
}

function summarize(refusals: readonly RefusalCount[], nodeCount: number): string {
  const [first] = refusals;
  if (first === undefined) {
    return 'The federation has no nodes: enrol one (punnet token create --node).';
  }
  const all = nodeCount === 1 ? 'At the only node' : `At all ${nodeCount} nodes`;
  const where = first.count === nodeCount ? all : `At ${first.count} of ${nodeCount} nodes`;
  return `${where}: ${first.reason}. What helps: ${first.remedy}.`;
}

function waitsText({ waiting, template: { taskCount } }: JobRecord): string {
  if (waiting < taskCount)
    return `${waiting} of ${taskCount} tasks ${waiting === 1 ? 'waits' : 'wait'}`;
  return taskCount === 1 ? 'Its only task waits' : `All ${taskCount} tasks wait`;
}

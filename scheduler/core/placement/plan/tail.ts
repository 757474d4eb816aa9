// The end of what waits, as whole tasks on whole slots: what the plan's program, with its divisible
// tasks, does not see. A slot that would end a task later than that had better stay idle.

import type { Instant } from '../../model/ids.ts';
import { instant } from '../../model/ids.ts';
import type { JobRecord, NodeRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import { siteOf } from '../../leases.ts';
import type { SiteLoad, TaskCost } from '../balance.ts';
import { linkSecondsOf } from '../balance.ts';
import { costOf, loadOf, workOf } from '../estimate.ts';
import { isSuited, refuseSuited } from '../filter.ts';
import { isPlanned } from '../pilots.ts';
import { cellOf, noGroup } from './plan.ts';
import type { Plan, Tail } from './plan.ts';
import type { MoreWork } from './slots-ahead.ts';
import { layOut, openSlotsOf } from './slots-ahead.ts';

/** With more waiting, whole tasks take about as long as water. */
const tasksPerSlot = 10;
const noMore: readonly MoreWork[] = [];
/** Seconds: over 30,000 years. */
const never = 1e12;

/** All slots that tasks may be given, one after another in memory: they are gone through many times. */
export interface Ahead {
  readonly nodes: readonly NodeRecord[];
  /** By node: where its slots begin, the one that is free first at the front. */
  readonly firstSlots: readonly number[];
  /** By slot: its speed, and seconds until it is free. */
  readonly speedsGhz: Float64Array;
  readonly freeIn: Float64Array;
}

/** What waits, as whole tasks, and the slots for it. */
export interface Waiting {
  readonly jobs: readonly JobRecord[];
  readonly tasks: number;
  /** Of a task. */
  readonly meanGhzSeconds: number;
  readonly ahead: Ahead;
}

export interface WholeTasks extends Waiting {
  /** In which the slots can have done them. */
  readonly seconds: number;
}

/** null: none waits, or more than whole tasks matter for. */
export function waitingOf(state: State, now: Instant): Waiting | null {
  const jobs = plannedJobs(state);
  const tasks = jobs.reduce((sum, job) => sum + plannedTasks(state, job), 0);
  if (tasks === 0) return null;
  // Counted before their ends are looked at, which takes far longer.
  const count = openSlots(state);
  if (count === 0 || tasks > tasksPerSlot * count) return null;
  const work = jobs.reduce((sum, job) => sum + plannedTasks(state, job) * workOf(job), 0);
  const meanGhzSeconds = work / tasks;
  return { jobs, tasks, meanGhzSeconds, ahead: aheadOf(state, count, now) };
}

export function wholeTasksOf(waiting: Waiting | null): WholeTasks | null {
  if (waiting === null) return null;
  const { tasks, meanGhzSeconds, ahead } = waiting;
  return { ...waiting, seconds: wholeSeconds(ahead, tasks, meanGhzSeconds) };
}

/**
 * When the waiting tasks of each job will have ended, by its number; null: so many wait that it does
 * not matter. Never before the best slot that may take one could end it, so that
 * no task is held back from all.
 */
export function tailOf(
  state: State,
  whole: WholeTasks | null,
  { plan, now }: { readonly plan: Plan; readonly now: Instant },
): Tail {
  if (whole === null) return null;
  const { ahead, seconds } = whole;
  // Of a class, whose jobs are as intense as each other, those of one size.
  const bests = new Map<string, number>();
  const about = { state, plan, now, loads: new Map<number, SiteLoad>() };
  return new Map(
    plannedJobs(state).map((job) => {
      const kind = `${plan.classOf.get(job.number) ?? `job ${job.number}`} ${workOf(job)}`;
      const best = bests.get(kind) ?? bestSeconds(ahead, job, about);
      bests.set(kind, best);
      return [job.number, instant(Math.ceil(now + 1000 * Math.max(seconds, best)))];
    }),
  );
}

interface Grouped {
  /** By number of the site. */
  readonly groupOf: Int32Array;
  readonly groups: number;
  /** Until the end by the plan before. */
  readonly planSeconds: number;
}

/**
 * GHz·s that the slots of each group will have done in whole tasks when all that waits can have ended;
 * null: more wait than there are slots. A slot that is too slow for one more counts for nothing, where the
 * program would give it a part of a task.
 */
export function wholeWorkOf(
  whole: WholeTasks | null,
  { groupOf, groups, planSeconds }: Grouped,
): readonly number[] | null {
  if (whole === null) return null;
  const { tasks, meanGhzSeconds: mean } = whole;
  const { nodes, firstSlots, speedsGhz, freeIn: free } = whole.ahead;
  if (tasks > free.length || mean === 0) return null;
  // Where lines are what is short, it ends later than slots could, and these have done more by then.
  const seconds = Math.max(planSeconds, whole.seconds);
  const work = new Array<number>(groups).fill(0);
  for (const [index, node] of nodes.entries()) {
    const group = groupOf[node.siteNumber] ?? noGroup;
    if (group === noGroup) continue;
    const end = firstSlots[index + 1] ?? free.length;
    for (let slot = firstSlots[index] ?? end; slot < end; slot += 1) {
      const left = seconds - (free[slot] ?? 0);
      const done = Math.floor((left * (speedsGhz[slot] ?? 0)) / mean + 1e-9);
      work[group] = (work[group] ?? 0) + mean * Math.max(0, done);
    }
  }
  return work;
}

/** Those that wait, and that the plan is about. */
export function plannedJobs(state: State): readonly JobRecord[] {
  return [...state.waitingJobs]
    .map((number) => mustHave(state.jobs.get(number), 'job', number))
    .filter((job) => isPlanned(job) && plannedTasks(state, job) > 0);
}

/** Those that wait, but no more than its researcher may have at once: the rest would keep sites from others. */
export function plannedTasks(state: State, { researcher, waiting }: JobRecord): number {
  const { maxLeases } = mustHave(state.researchers.get(researcher), 'researcher').settings;
  return maxLeases === null ? waiting : Math.min(waiting, maxLeases);
}

function openSlots(state: State): number {
  let slots = 0;
  for (const node of state.nodes) {
    if (isAvailable(node)) slots += openSlotsOf(node);
  }
  return slots;
}

function aheadOf(state: State, count: number, now: Instant): Ahead {
  const nodes: NodeRecord[] = [];
  const firstSlots: number[] = [];
  const speedsGhz = new Float64Array(count);
  const free = new Float64Array(count);
  let slot = 0;
  for (const node of state.nodes) {
    const slots = { seconds: free, first: slot, count: isAvailable(node) ? openSlotsOf(node) : 0 };
    if (slots.count === 0) continue;
    nodes.push(node);
    firstSlots.push(slot);
    // Of most nodes when little is left: all slots are free now.
    if (node.leases.length > 0) layOut(state, node, { now, more: noMore, slots });
    slot += slots.count;
    speedsGhz.fill(node.inventory.speedGhz, slots.first, slot);
  }
  return { nodes, firstSlots, speedsGhz, freeIn: free };
}

/** Whether the plan may count on the node: it is there, and nobody has paused it. */
export function isAvailable(node: NodeRecord): boolean {
  const isAccepting = node.status?.isAccepting ?? true;
  const isHere = node.health === 'healthy' && node.lastHeardAt !== 0;
  return isHere && !node.isDraining && isAccepting;
}

/** Seconds until a task ends on a slot that is free in so many: its bytes come behind those of its
 * site, both ways. */
export function endsIn(
  freeIn: number,
  load: SiteLoad,
  { node, cost }: { readonly node: NodeRecord; readonly cost: TaskCost },
): number {
  const ran = readyIn(freeIn, load, { node, cost });
  if (cost.upBits === 0) return ran;
  return Math.max(ran, linkSecondsOf(load).up) + cost.upBits / load.upBps;
}

/** Seconds until its result is there to be sent. */
export function readyIn(
  freeIn: number,
  load: SiteLoad,
  { node, cost }: { readonly node: NodeRecord; readonly cost: TaskCost },
): number {
  const fetched = linkSecondsOf(load, cost).down;
  return Math.max(freeIn, fetched) + cost.workGhzSeconds / node.inventory.speedGhz;
}

/** The least time in which the slots, as they become free, do so many tasks of the mean work. */
function wholeSeconds(ahead: Ahead, tasks: number, mean: number): number {
  if (mean === 0) return 0;
  const rates = ahead.speedsGhz.map((ghz) => ghz / mean);
  // As water they would be done sooner; a little more, for what floating point leaves out.
  const mostRate = rates.reduce((sum, rate) => sum + rate, 0) * (1 + 1e-6);
  const isDone = (seconds: number): boolean => {
    if (seconds * mostRate + 1e-6 * rates.length < tasks) return false;
    let count = 0;
    for (let slot = 0; slot < ahead.freeIn.length; slot += 1) {
      const left = seconds - (ahead.freeIn[slot] ?? 0);
      if (left > 0) count += Math.floor(left * (rates[slot] ?? 0) + 1e-9);
      if (count >= tasks) return true;
    }
    return false;
  };
  let early = 0;
  let late = 1;
  // No sum of numbers that are none may keep the scheduler here for ever.
  while (!isDone(late) && late < never) {
    early = late;
    late *= 2;
  }
  while (late - early > 1e-3 * late) {
    const middle = (early + late) / 2;
    if (isDone(middle)) late = middle;
    else early = middle;
  }
  return late;
}

interface About {
  readonly state: State;
  readonly plan: Plan;
  readonly now: Instant;
  /** Of sites that were looked at. */
  readonly loads: Map<number, SiteLoad>;
}

/** On the best slot of those that fit, where the plan has a share for it. */
function bestSeconds(ahead: Ahead, job: JobRecord, { state, plan, now, loads }: About): number {
  let best = Number.POSITIVE_INFINITY;
  let elsewhere = Number.POSITIVE_INFINITY;
  const work = workOf(job);
  for (let index = 0; index < ahead.nodes.length; index += 1) {
    const firstSlot = ahead.firstSlots[index] ?? -1;
    const free = ahead.freeIn[firstSlot] ?? 0;
    // No end is earlier: most nodes are not looked at any closer.
    if (free + work / (ahead.speedsGhz[firstSlot] ?? 0) >= best) continue;
    const node = mustHave(ahead.nodes[index], 'node', index);
    const load = loads.get(node.siteNumber) ?? loadOf(siteOf(state, node));
    loads.set(node.siteNumber, load);
    const cost = costOf(state, { job, taskIndex: job.cursor }, node);
    const seconds = endsIn(free, load, { node, cost });
    if (seconds >= best || !isSuited(job, node)) continue;
    if (refuseSuited(job, node, now) !== null) continue;
    const cell = cellOf(plan, job.number, node.siteNumber);
    if (cell === null || (plan.shares[cell] ?? 0) > 0) best = seconds;
    else elsewhere = Math.min(elsewhere, seconds);
  }
  return Number.isFinite(best) ? best : Number.isFinite(elsewhere) ? elsewhere : 0;
}

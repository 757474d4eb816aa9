// What came of a run, in figures. Nothing of the machine that ran it is in here: the same input
// gives the same bytes.

import type { RunResult } from '../run/run.ts';
import { toldAfterMs } from '../run/line-changes.ts';
import { batchMs } from '../run/run.ts';
import type { SwfLog } from '../scenario/swf.ts';
import type { World } from '../world/draw-world.ts';
import { serviceOf } from '../world/services.ts';
import { attemptRuns } from './attempt-runs.ts';
import type { Bound } from './bound.ts';
import { serviceUses } from './service-uses.ts';
import type { ServiceUse } from './service-uses.ts';
import { siteUses } from './site-uses.ts';
import type { SiteUse } from './site-uses.ts';
import { jainIndex, spreadOf, sumOf } from './statistics.ts';
import type { Spread } from './statistics.ts';
import { slowdownOf, taskTimes } from './task-times.ts';

/** What the run was of. */
export interface About {
  readonly scenario: string;
  readonly policy: string;
  readonly seed: number;
}

export interface Summary extends About {
  readonly nodes: number;
  readonly sites: number;
  readonly jobs: number;
  readonly tasks: number;
  readonly makespanSeconds: number;
  readonly bound: Bound;
  readonly makespanOverBound: number;
  /** The bound over the time of the longest task on the slowest slot. */
  readonly load: number;
  /** The part of the federation's speed that was on, and left to it by its owners; the bound has all
   * of it. */
  readonly availability: number;
  /** The bound of what was on and left to it, when; null: all of it, or jobs came over time. */
  readonly availableBoundSeconds: number | null;
  /** Of all slots' time, weighted by speed, and of all uplinks' time, until the end. */
  readonly cpuUse: number;
  readonly downUse: number;
  readonly upUse: number;
  readonly tasksPerSecond: number;
  readonly waitSeconds: Spread;
  /** Bounded: a run of under 10 s is taken for 10. */
  readonly slowdown: Spread;
  /** Jain's index of the researchers' mean slowdowns: 1 when all are alike, 1/n when one bears all. */
  readonly fairness: number;
  readonly downBytes: number;
  readonly upBytes: number;
  /** Of both, for attempts whose result was not taken, and of transfers that were stopped. */
  readonly wastedBytes: number;
  /** Attempts whose result was not taken, mostly backups, and what they computed. */
  readonly wastedAttempts: number;
  readonly wastedGhzSeconds: number;
  readonly services: readonly ServiceUse[];
  readonly events: number;
  /** Jobs of the scenario's log that nobody can run again, by why; null: it has no log. */
  readonly leftOut: SwfLog['leftOut'] | null;
  readonly assumed: readonly string[];
}

const assumed = [
  `control messages take up to ${batchMs} ms, there and back`,
  'speeds are known exactly, and tasks of a job are alike',
  'the scheduler has no narrow line of its own',
];

const ratesStay = 'rates of uplinks do not change';
const ratesChange = `lines are slower from 20 to 22 h each day and at all sites at once, down only; the scheduler is told ${toldAfterMs / 60_000} min later`;
const nodesStay = 'nodes stay on';
const nodesFail = 'nodes are switched off at any moment: what runs is lost, blobs and results stay';
const ownersLimit =
  'owners let nodes work in their hours alone and pause them, as the scenario says: at the end of hours what runs is lost';
const membersChange =
  'owners leave for good with all their nodes, others join, and cards die, as the scenario says: all that a dead card held is lost, and its node enrols anew; the bound has all nodes that were ever there';
const floatingSlower =
  'floating point takes older boards longer than the scheduler and the bound know, which have one speed of each; use of CPU counts it as that speed';
const boardsSlow =
  'some boards are slower at times, as the scenario says: neither the scheduler nor their agents know, and use of CPU counts it as full speed';
const servicesRun =
  'replicas of services use what they declare, all the time and no more, and hold a whole slot; what a line cannot carry of it is not made up for; the bound has all slots and lines, as if there were no services';
const faultsHappen =
  'lines, messages and the scheduler fail as the scenario says: a line that is back begins its transfers anew, a scheduler comes back with its journal, and nodes tell every 30 s again what was not answered; tasks do not fail';
const nothingElse = 'lines and tasks do not fail';

export interface Outcome {
  readonly result: RunResult;
  readonly bound: Bound;
  /** In seconds. */
  readonly availableBound: number | null;
  readonly leftOut: SwfLog['leftOut'] | null;
}

export function summaryOf(
  about: About,
  world: World,
  { result, bound, availableBound, leftOut }: Outcome,
): Summary {
  const makespanSeconds = result.makespanMs / 1000;
  const tasks = sumOf(world.jobs.map((job) => job.tasks));
  return {
    ...about,
    nodes: world.nodes.length,
    sites: world.sites.length,
    jobs: world.jobs.length,
    tasks,
    makespanSeconds,
    bound,
    makespanOverBound: makespanSeconds / bound.seconds,
    load: bound.seconds / longestTaskSeconds(world),
    availability: result.availability.until(result.makespanMs),
    availableBoundSeconds: availableBound,
    ...usesOf(siteUses(world, result), makespanSeconds),
    tasksPerSecond: tasks / makespanSeconds,
    ...timesOf(world, result),
    ...wasteOf(world, result),
    services: serviceUses(world, result),
    events: result.events,
    leftOut,
    assumed: [
      ...assumed,
      world.evenings === null ? ratesStay : ratesChange,
      world.churn === null ? nodesStay : nodesFail,
      ...(world.owners === null ? [] : [ownersLimit]),
      ...(world.lives === null ? [] : [membersChange]),
      ...(world.jobs.some(({ isFloatingPoint }) => isFloatingPoint) ? [floatingSlower] : []),
      ...(world.throttling === null ? [] : [boardsSlow]),
      ...(world.services.length === 0 ? [] : [servicesRun]),
      world.faults === null ? nothingElse : faultsHappen,
    ],
  };
}

/** Of the task with the most work, on the slowest slot. */
function longestTaskSeconds({ jobs, nodes }: World): number {
  const most = jobs.reduce((most, { workGhzSeconds }) => Math.max(most, workGhzSeconds), 0);
  return most / nodes.reduce((least, { speedGhz }) => Math.min(least, speedGhz), Infinity);
}

function usesOf(uses: readonly SiteUse[], seconds: number) {
  const total = (of: (use: SiteUse) => number): number => sumOf(uses.map(of));
  const downBytes = total((use) => use.downBytes);
  const upBytes = total((use) => use.upBytes);
  return {
    cpuUse: total((use) => use.computedGhzSeconds) / (total((use) => use.cpuGhz) * seconds),
    downUse: downBytes / (total((use) => use.downRate) * seconds),
    upUse: upBytes / (total((use) => use.upRate) * seconds),
    downBytes: Math.round(downBytes),
    upBytes: Math.round(upBytes),
  };
}

function timesOf(world: World, result: RunResult) {
  const count = sumOf(world.jobs.map(({ tasks }) => tasks));
  const waits = new Float64Array(count);
  const slowdowns = new Float64Array(count);
  const shares = new Map<string, { sum: number; count: number }>();
  let place = 0;
  for (const times of taskTimes(world, result)) {
    waits[place] = (times.startMs - times.submitMs) / 1000;
    const slowdown = slowdownOf(times);
    slowdowns[place] = slowdown;
    place += 1;
    const researcher = world.jobs[times.job]?.researcher ?? '';
    const share = shares.get(researcher) ?? { sum: 0, count: 0 };
    share.sum += slowdown;
    share.count += 1;
    shares.set(researcher, share);
  }
  const fairness = jainIndex(Array.from(shares.values(), ({ sum, count }) => sum / count));
  return { waitSeconds: spreadOf(waits), slowdown: spreadOf(slowdowns), fairness };
}

function wasteOf(world: World, result: RunResult) {
  let wastedAttempts = 0;
  let wastedGhzSeconds = 0;
  for (const { hasWon, isReplica, ghzSeconds } of attemptRuns(world, result)) {
    if (hasWon || isReplica) continue;
    wastedAttempts += 1;
    wastedGhzSeconds += ghzSeconds;
  }
  return {
    wastedAttempts,
    wastedGhzSeconds,
    wastedBytes: Math.round(wastedBytesOf(world, result)),
  };
}

function wastedBytesOf(world: World, { attempts, checks }: RunResult): number {
  let bytes = 0;
  for (let lease = 1; lease <= attempts.last; lease += 1) {
    bytes += attempts.stoppedBytes[lease] ?? 0;
    const results = checks.results[attempts.job[lease] ?? -1];
    if (results?.[attempts.task[lease] ?? -1] === lease) continue;
    if (serviceOf(world, attempts.job[lease] ?? -1) !== undefined) continue;
    bytes += (attempts.downBytes[lease] ?? 0) + (attempts.upBytes[lease] ?? 0);
  }
  return bytes;
}

// The tables of a run. Columns that Batsim's output has (https://batsim.readthedocs.io) have its
// names: what it calls a job is a task here.

import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../run/run.ts';
import type { World } from '../world/draw-world.ts';
import { siteTimes } from './detail/site-times.ts';
import { moveText, replicaRuns } from './service-uses.ts';
import { siteUses } from './site-uses.ts';
import { slowdownOf, taskTimes } from './task-times.ts';

/** Text that is written at once. */
const chunkChars = 1 << 20;

type Row = readonly (string | number)[];

export function writeTables(folder: string, world: World, result: RunResult): void {
  writeTable(join(folder, 'tasks.csv'), taskColumns, taskRows(world, result));
  writeTable(join(folder, 'jobs.csv'), jobColumns, jobRows(world, result));
  writeTable(join(folder, 'sites.csv'), siteColumns, siteRows(world, result));
  if (world.services.length === 0) return;
  writeTable(join(folder, 'replicas.csv'), replicaColumns, replicaRows(world, result));
}

function writeTable(file: string, columns: readonly string[], rows: Iterable<Row>): void {
  const handle = openSync(file, 'w');
  try {
    let text = `${columns.join(',')}\n`;
    for (const row of rows) {
      text += `${row.join(',')}\n`;
      if (text.length < chunkChars) continue;
      writeSync(handle, text);
      text = '';
    }
    writeSync(handle, text);
  } finally {
    closeSync(handle);
  }
}

const taskColumns = [
  ...['job_id', 'workload_name', 'profile', 'submission_time', 'requested_number_of_resources'],
  ...['success', 'final_state', 'starting_time', 'execution_time', 'finish_time', 'waiting_time'],
  ...['turnaround_time', 'stretch', 'allocated_resources', 'researcher', 'site'],
  ...['granted_time', 'fetching_time', 'fetched_time', 'sending_time', 'down_bytes', 'up_bytes'],
];

function* taskRows(world: World, result: RunResult): Generator<Row> {
  for (const times of taskTimes(world, result)) {
    const { job, task, submitMs, startMs, runMs, finishMs, node, lease } = times;
    const of = world.jobs[job];
    const name = of?.name ?? '';
    const { attempts } = result;
    /** Nothing: it had no need. */
    const at = (column: Float64Array): number | '' =>
      (column[lease] ?? 0) === 0 ? '' : seconds(column[lease] ?? 0);
    const turnaroundMs = finishMs - submitMs;
    yield [
      ...[`${name}!${task}`, name, name, seconds(submitMs), 1],
      ...[1, 'COMPLETED_SUCCESSFULLY', seconds(startMs), seconds(runMs), seconds(finishMs)],
      ...[seconds(startMs - submitMs), seconds(turnaroundMs), rounded(turnaroundMs / runMs)],
      ...[node, of?.researcher ?? '', world.nodes[node]?.site ?? -1],
      ...[at(attempts.grantedAt), at(attempts.fetchingAt), at(attempts.fetchedAt)],
      ...[at(attempts.sendingAt), attempts.downBytes[lease] ?? 0, attempts.upBytes[lease] ?? 0],
    ];
  }
}

const jobColumns = [
  ...['job_id', 'tasks', 'work_ghz_s', 'input_bytes', 'output_bytes', 'bundle_bytes'],
  ...['submission_time', 'starting_time', 'finish_time', 'waiting_time', 'turnaround_time'],
  ...['researcher', 'mean_task_wait', 'mean_task_slowdown'],
];

/** A job starts with its first task and ends with its last. */
function* jobRows(world: World, result: RunResult): Generator<Row> {
  const starts = new Float64Array(world.jobs.length).fill(Infinity);
  const finishes = new Float64Array(world.jobs.length);
  const waits = new Float64Array(world.jobs.length);
  const slowdowns = new Float64Array(world.jobs.length);
  for (const times of taskTimes(world, result)) {
    const { job, submitMs, startMs, finishMs } = times;
    starts[job] = Math.min(starts[job] ?? 0, startMs);
    finishes[job] = Math.max(finishes[job] ?? 0, finishMs);
    waits[job] = (waits[job] ?? 0) + startMs - submitMs;
    slowdowns[job] = (slowdowns[job] ?? 0) + slowdownOf(times);
  }
  for (const [number, job] of world.jobs.entries()) {
    const submitMs = result.submittedAt[number] ?? 0;
    const [startMs = 0, finishMs = 0] = [starts[number], finishes[number]];
    yield [
      ...[job.name, job.tasks, rounded(job.workGhzSeconds), job.inputBytes, job.outputBytes],
      ...[job.bundleBytes, seconds(submitMs), seconds(startMs), seconds(finishMs)],
      ...[seconds(startMs - submitMs), seconds(finishMs - submitMs), job.researcher],
      ...[seconds((waits[number] ?? 0) / job.tasks), rounded((slowdowns[number] ?? 0) / job.tasks)],
    ];
  }
}

const siteColumns = [
  ...['site', 'nodes', 'slots', 'cpu_ghz', 'down_bit_s', 'up_bit_s', 'gbit_s_per_ghz', 'attempts'],
  ...['computed_ghz_s', 'down_bytes', 'up_bytes', 'cpu_use', 'down_use', 'up_use'],
  // Parts of the time in which it was the site's bottleneck (report/detail/site-times.ts).
  ...['short_of_cpu', 'short_of_down', 'short_of_up'],
];

function* siteRows(world: World, result: RunResult): Generator<Row> {
  const span = result.makespanMs / 1000;
  for (const { site, use, short } of siteTimes(world, result, siteUses(world, result))) {
    const { cpuGhz, downRate, upRate, computedGhzSeconds, downBytes, upBytes } = use;
    yield [
      ...[site, world.sites[site]?.nodes ?? 0, use.slots, rounded(cpuGhz)],
      ...[Math.round(8 * downRate), Math.round(8 * upRate), (8e-9 * downRate) / cpuGhz],
      ...[use.attempts, rounded(computedGhzSeconds), Math.round(downBytes), Math.round(upBytes)],
      ...[rounded(computedGhzSeconds / (cpuGhz * span)), rounded(downBytes / (downRate * span))],
      ...[rounded(upBytes / (upRate * span)), ...short.slice(0, 3).map(rounded)],
    ];
  }
}

const replicaColumns = [
  ...['service', 'replica', 'node', 'site', 'granted_time', 'starting_time', 'finish_time'],
  ...['up_seconds', 'down_bytes', 'up_bytes', 'why'],
];

/** A row for each lease of a replica: where it was, and why it did not stay. */
function* replicaRows(world: World, result: RunResult): Generator<Row> {
  const runs = new Map(replicaRuns(world, result).map((run) => [run.of.lease, run]));
  for (const { lease, service, replica, node, grantedMs, endedMs, why } of result.replicas.leases) {
    const run = runs.get(lease);
    const { downBytes = 0, upBytes = 0 } = result.attempts.streamed.get(lease) ?? {};
    yield [
      ...[world.services[service]?.name ?? '', replica, node, world.nodes[node]?.site ?? -1],
      ...[seconds(grantedMs), run === undefined ? '' : seconds(run.fromMs)],
      ...[endedMs === null ? '' : seconds(endedMs)],
      ...[run === undefined ? 0 : seconds(run.toMs - run.fromMs)],
      ...[Math.round(downBytes), Math.round(upBytes), moveText(why)],
    ];
  }
}

/** Of milliseconds, to the millisecond. */
function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

function rounded(value: number): number {
  return Math.round(1e6 * value) / 1e6;
}

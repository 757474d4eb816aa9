// How long a slot stands empty: from the end of a task's process to the call that spawns the next
// one, with a real agent, its real sandbox and NATS over TLS.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentProcess } from './agent-process.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';
import { mustHaveSucceeded, specOf, submit, untilJob } from './jobs.ts';
import { SchedulerProcess } from './scheduler-process.ts';

const scales = { full: { tasks: 200 }, tiny: { tasks: 4 } } as const;

/**
 * Tells when it begins and when it ends, in nanoseconds since the epoch; the second is the last
 * thing that it does. What comes after, the end of its processes and of the sandbox, counts.
 */
const script = 'echo $PUNNET_LEASE_ID; date +%s%N; sleep 0.2; exec date +%s%N';

/**
 * Loaded before the agent and its shims: notes the time of each call that spawns a task in its
 * sandbox, and of which lease.
 */
const preloadText = (file: string): string => `
const children = require('node:child_process');
const { appendFileSync } = require('node:fs');
const { spawn } = children;
children.spawn = (...words) => {
  const nowMs = performance.timeOrigin + performance.now();
  const lease = /PUNNET_LEASE_ID[ =]([0-9]+)/.exec(String(words[1]?.join(' ')))?.[1];
  if (lease > 0) appendFileSync(${JSON.stringify(file)}, lease + ' ' + nowMs + '\\n');
  return spawn(...words);
};`;

export const turnaround: Benchmark = {
  name: 'turnaround',
  about: "from a task's end to the next spawn call on the same node",
  async run(size: Size): Promise<Outcome> {
    const { tasks } = scales[size];
    const scheduler = await SchedulerProcess.start();
    const preload = join(scheduler.folder, 'preload.cjs');
    const trace = join(scheduler.folder, 'spawns');
    writeFileSync(preload, preloadText(trace));
    let agent: AgentProcess | undefined;
    try {
      agent = await AgentProcess.start(scheduler, { preload });
      const { connection } = scheduler;
      const changes = { command: ['/bin/sh', '-c', script], profile: undefined };
      const { jobId } = await submit(connection, await specOf(connection, tasks, changes));
      const isThere = (job: { readonly state: number }): boolean => job.state !== 1;
      const job = await untilJob(connection, jobId, { withinMs: 10_000 + 2_000 * tasks, isThere });
      const digest = mustHaveSucceeded(job, tasks);
      const times = await timesOf(scheduler, jobId, tasks);
      const { gaps, starts } = measure(times, readFileSync(trace, 'utf8'));
      const spawns = await timeSpawns(tasks);
      const baseline = { what: 'plain spawn of true', values: spawns };
      const what = 'task end to next spawn';
      return {
        digest,
        figures: [
          { what, unit: 'ms', values: gaps, wanted: { atMost: 20 }, baseline },
          { what, unit: 'ms', values: gaps, quantile: 0.99, wanted: { atMost: 100 }, baseline },
          {
            what: "spawn to the task's first word (sandbox)",
            unit: 'ms',
            values: starts,
            baseline,
          },
        ],
      };
    } finally {
      await agent?.stop();
      await scheduler.remove();
    }
  },
};

interface Times {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** By lease, from what each task has printed. */
async function timesOf(
  { connection }: SchedulerProcess,
  jobId: string,
  tasks: number,
): Promise<ReadonlyMap<number, Times>> {
  const times = new Map<number, Times>();
  const get = connection.jobs.getTaskResult.bind(connection.jobs);
  for (let index = 0; index < tasks; index += 1) {
    const { result } = await connection.call(get, { jobId, index });
    const [lease = '', began = '', ended = ''] = String(result?.logTail).split('\n');
    times.set(Number(lease), { beganMs: Number(began) / 1e6, endedMs: Number(ended) / 1e6 });
  }
  return times;
}

function measure(
  times: ReadonlyMap<number, Times>,
  trace: string,
): { readonly gaps: readonly number[]; readonly starts: readonly number[] } {
  const gaps: number[] = [];
  const starts: number[] = [];
  let before: Times | undefined;
  for (const line of trace.trim().split('\n')) {
    const [lease = 0, spawnedMs = 0] = line.split(' ').map(Number);
    const own = times.get(lease);
    if (own === undefined) throw new Error(`a task of lease ${lease} ran and told nothing`);
    starts.push(own.beganMs - spawnedMs);
    if (before !== undefined) gaps.push(spawnedMs - before.endedMs);
    before = own;
  }
  if (gaps.some((gap) => gap < 0)) throw new Error('a task began before the one before it ended');
  return { gaps, starts };
}

async function timeSpawns(runs: number): Promise<readonly number[]> {
  const ms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const startMs = performance.now();
    const child = spawn('/bin/true', [], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('exit', resolve));
    ms.push(performance.now() - startMs);
  }
  return ms;
}

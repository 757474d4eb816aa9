// 1,000 or 10,000 light agents and a real scheduler with its journal on disk: tasks leased, started,
// finished and acknowledged each second, what one costs the scheduler, and what a report costs it.

import { join } from 'node:path';
import { NatsIdentity } from '../scheduler/adapters/nats/nats-identity.ts';
import { allNodesUp } from '../proto/subjects.ts';
import type { BareAnswer, BareOptions, BareQuestion } from './bare-bus.ts';
import { Child } from './child.ts';
import type { Benchmark, Figure, Outcome } from './figure.ts';
import { mustHaveSucceeded, specOf, submit, untilJob } from './jobs.ts';
import { LightFederation } from './light-federation.ts';
import { cpuMsOf } from './machine.ts';
import { follow, tellPhase } from './progress.ts';
import { SchedulerProcess } from './scheduler-process.ts';

interface Scale {
  readonly agents: number;
  readonly agentsPerProcess: number;
  /** Tasks that end at once: as fast as it goes. */
  readonly fastTasks: number;
  /** Tasks of some time: a steady load. */
  readonly steadyTasks: number;
  readonly steadyTaskMs: number;
  /** The most that a task may cost the scheduler. */
  readonly wantedUs: number;
  readonly reportsPerSecond: number;
  readonly seconds: number;
}

const tiny: Scale = {
  ...{
    agents: 10,
    agentsPerProcess: 5,
    fastTasks: 200,
    steadyTasks: 40,
    steadyTaskMs: 450,
    wantedUs: 100,
  },
  ...{ reportsPerSecond: 50, seconds: 1 },
};

const thousand: Scale = {
  agents: 1_000,
  agentsPerProcess: 1_000,
  fastTasks: 120_000,
  steadyTasks: 130_000,
  // With one slot each they offer somewhat more than 2,000 tasks a second.
  steadyTaskMs: 450,
  wantedUs: 100,
  reportsPerSecond: 1_000,
  seconds: 20,
};

const tenThousand: Scale = {
  ...thousand,
  agents: 10_000,
  // One process with all of them would take long to connect, and be short of heap.
  agentsPerProcess: 2_500,
  // About a minute: in the first seconds V8 compiles, and collects what is still young.
  fastTasks: 400_000,
  steadyTaskMs: 4_500,
  wantedUs: 60,
};

/** Sizes of the messages that tell of a start or an end, and of an answer with the next lease. */
const upBytes = 80;
const downBytes = 620;

export const throughput: Benchmark = {
  name: 'throughput',
  about: '1,000 light agents over TLS: tasks/s, and CPU of the scheduler for a task and a report',
  run: (size) => measure(size === 'tiny' ? tiny : thousand),
};

export const whole: Benchmark = {
  name: 'whole',
  about: 'the same with 10,000 light agents in four processes',
  run: (size) => measure(size === 'tiny' ? tiny : tenThousand),
};

async function measure(scale: Scale): Promise<Outcome> {
  const scheduler = await SchedulerProcess.start();
  try {
    const light = await LightFederation.start(scheduler, scale);
    const run = new Run(scheduler, light, scale);
    try {
      tellPhase(`${scale.fastTasks} tasks, as fast as it goes`);
      const fast = await run.tasks(scale.fastTasks, 0);
      tellPhase(`${scale.steadyTasks} tasks, steady`);
      const steady = await run.tasks(scale.steadyTasks, scale.steadyTaskMs);
      tellPhase(`reports for ${scale.seconds} s`);
      const reports = await run.reports();
      tellPhase('the agents stop');
      await light.stop();
      tellPhase(`a bare bus for ${scale.seconds} s`);
      const bare = await bareRate(scheduler, scale);
      const digest = `${fast.digest} ${steady.digest}`;
      return { figures: figuresOf({ fast, steady, reports, bare }, scale), digest };
    } finally {
      await light.stop();
    }
  } finally {
    await scheduler.remove();
  }
}

interface Costs {
  /** Of each second. */
  readonly perSecond: readonly number[];
  /** Microseconds of CPU for one, of each second. */
  readonly scheduler: readonly number[];
  readonly nats: readonly number[];
  readonly others: readonly number[];
}

type Tasks = Costs & { readonly digest: string; readonly journalBytes: number };

class Run {
  readonly #scheduler: SchedulerProcess;
  readonly #light: LightFederation;
  readonly #scale: Scale;

  constructor(scheduler: SchedulerProcess, light: LightFederation, scale: Scale) {
    this.#scheduler = scheduler;
    this.#light = light;
    this.#scale = scale;
  }

  /** Runs a job to its end, and looks at the processes each second. */
  async tasks(count: number, taskMs: number): Promise<Tasks> {
    const { connection } = this.#scheduler;
    await this.#light.behave(null, taskMs);
    const before = await this.#light.tell();
    const journalBefore = this.#scheduler.journalBytes;
    const spec = await specOf(connection, count);
    const { jobId } = await submit(connection, spec);
    const acknowledged = async (): Promise<number> => {
      const told = await this.#light.tell();
      return told.acknowledged - before.acknowledged;
    };
    const costs = await observe({
      what: 'tasks',
      count: acknowledged,
      pids: () => [[this.#scheduler.pid], [this.#scheduler.natsPid], this.#light.pids],
      isOver: (done) => done >= count,
    });
    const isThere = (job: { readonly state: number }): boolean => job.state !== 1;
    const job = await untilJob(connection, jobId, { withinMs: 60_000, isThere });
    const journalBytes = (this.#scheduler.journalBytes - journalBefore) / count;
    return { ...costs, digest: mustHaveSucceeded(job, count), journalBytes };
  }

  /** Idle agents report; a bare subscriber in a process of its own hears the same messages. */
  async reports(): Promise<Costs> {
    const bare = new Child<BareQuestion, BareAnswer>('bare-bus');
    try {
      const options = await bareOptions(this.#scheduler);
      await bare.ask({ kind: 'count', options, subject: allNodesUp });
      await this.#light.report(this.#scale.reportsPerSecond);
      const costs = await observe({
        what: 'reports',
        count: async () => (await this.#light.tell()).reports,
        pids: () => [[this.#scheduler.pid], [this.#scheduler.natsPid], [bare.pid]],
        isOver: (_, seconds) => seconds > this.#scale.seconds,
      });
      const { count } = await bare.ask({ kind: 'tell' });
      if (count === 0) throw new Error('the bare subscriber heard nothing');
      await this.#light.report(0);
      return costs;
    } finally {
      await bare.stop();
    }
  }
}

interface Look {
  readonly atMs: number;
  readonly count: number;
  readonly cpuMs: readonly number[];
}

type Pids = readonly number[];

/** Each second: how many more there are, and what they cost three groups of processes. */
async function observe(options: {
  readonly what: string;
  readonly count: () => Promise<number>;
  /** Asked each second: one that has ended is told of at once. */
  readonly pids: () => readonly [Pids, Pids, Pids];
  readonly isOver: (count: number, seconds: number) => boolean;
}): Promise<Costs> {
  const perSecond: number[] = [];
  const cpu: [number[], number[], number[]] = [[], [], []];
  let seconds = 0;
  const look = async (): Promise<Look> => {
    const count = await options.count();
    return { atMs: performance.now(), count, cpuMs: options.pids().map(cpuMsOfAll) };
  };
  const take = (next: Look, last: Look): void => {
    const more = next.count - last.count;
    if (more === 0) return;
    perSecond.push((1000 * more) / (next.atMs - last.atMs));
    for (const [at, list] of cpu.entries()) {
      list.push((1000 * ((next.cpuMs[at] ?? 0) - (last.cpuMs[at] ?? 0))) / more);
    }
  };
  const isOver = (next: Look, last: Look): boolean => {
    seconds += 1;
    const isOverNow = options.isOver(next.count, seconds);
    // The last second of a job is a part of one.
    if (!isOverNow || perSecond.length === 0) take(next, last);
    return isOverNow;
  };
  await follow({ what: options.what, look, isOver });
  return { perSecond, scheduler: cpu[0], nats: cpu[1], others: cpu[2] };
}

function cpuMsOfAll(pids: Pids): number {
  return pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0);
}

async function bareOptions(scheduler: SchedulerProcess): Promise<BareOptions> {
  const identity = NatsIdentity.open(join(scheduler.folder, 'scheduler'));
  return {
    url: scheduler.natsUrl,
    credentials: new TextDecoder().decode(await identity.schedulerCredentials()),
    caPem: scheduler.context.caPem,
  };
}

/** Rounds a second of two messages up and one down, with nothing behind them. */
async function bareRate(scheduler: SchedulerProcess, scale: Scale): Promise<readonly number[]> {
  const center = new Child<BareQuestion, BareAnswer>('bare-bus');
  const rim = new Child<BareQuestion, BareAnswer>('bare-bus');
  try {
    const options = await bareOptions(scheduler);
    await center.ask({ kind: 'answer', options, bytes: downBytes });
    await rim.ask({ kind: 'talk', options, connections: scale.agents, bytes: upBytes });
    const tell = (): Promise<BareAnswer> => rim.ask({ kind: 'tell' });
    await follow({
      what: 'bare connections',
      look: async () => ({ count: (await tell()).open }),
      isOver: (next) => next.count >= scale.agents,
    });
    const costs = await observe({
      what: 'bare rounds',
      count: async () => (await tell()).count,
      pids: () => [[center.pid], [scheduler.natsPid], [rim.pid]],
      isOver: (_, seconds) => seconds > scale.seconds,
    });
    return costs.perSecond;
  } finally {
    await rim.stop();
    await center.stop();
  }
}

interface Found {
  readonly fast: Tasks;
  readonly steady: Tasks;
  readonly reports: Costs;
  readonly bare: readonly number[];
}

function figuresOf({ fast, steady, reports, bare }: Found, scale: Scale): readonly Figure[] {
  const baseline = { what: 'bare bus', values: bare };
  const subscriber = { what: 'bare subscriber', values: reports.others };
  return [
    {
      what: 'tasks, steady',
      unit: '/s',
      values: steady.perSecond,
      wanted: { atLeast: 2_000 },
      baseline,
    },
    { what: 'tasks, as fast as it goes', unit: '/s', values: fast.perSecond, baseline },
    {
      what: 'scheduler CPU a task, steady',
      unit: 'µs',
      values: steady.scheduler,
      wanted: { atMost: scale.wantedUs },
    },
    {
      what: 'scheduler CPU a task, fast',
      unit: 'µs',
      values: fast.scheduler,
      wanted: { atMost: scale.wantedUs },
    },
    { what: 'nats-server CPU a task, steady', unit: 'µs', values: steady.nats },
    { what: 'light agents CPU a task, steady', unit: 'µs', values: steady.others },
    { what: 'journal a task, steady', unit: 'bytes', values: [steady.journalBytes] },
    { what: 'reports', unit: '/s', values: reports.perSecond },
    {
      what: 'scheduler CPU a report',
      unit: 'µs',
      values: reports.scheduler,
      wanted: { atMost: 30 },
      baseline: subscriber,
    },
    { what: 'nats-server CPU a report', unit: 'µs', values: reports.nats },
  ];
}

// One run in a lab: real agents in homes with shaped lines, over OpenVPN, and jobs of theirs. There are more nodes
// than this machine has cores: their owners leave tasks a part of a core, or tasks sleep.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import PQueue from 'p-queue';
import { stringify } from 'yaml';
import type { Replayed } from '../../sim/replay/replayed.ts';
import { readReplayed } from '../../sim/replay/replayed.ts';
import { OverlayRig } from '../../test/integration/overlay-rig.ts';
import { follow, tellPhase } from '../progress.ts';

export interface Home {
  readonly name: string;
  readonly nodes: number;
  /** Of its line, bit/s of IP packets. */
  readonly downBps: number;
  readonly upBps: number;
}

export interface LabJob {
  readonly name: string;
  readonly tasks: number;
  /** Of a task: how long it sleeps or, at its node's part of a core, computes; and its bytes. */
  readonly seconds: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export interface LabPlan {
  readonly policy: string;
  /** The part of a core that each owner leaves to tasks, which compute. null: they sleep, for policies that look at no
   * work: what sleeping tasks are measured to compute is next to nothing. */
  readonly cpuShare: number | null;
  readonly homes: readonly Home[];
  readonly jobs: readonly LabJob[];
}

export interface LabRun {
  /** What its scheduler's journal tells. */
  readonly past: Replayed;
  /** Of what lines carried down, the part that was inputs and programs. */
  readonly payloadPart: number;
  /** How long tasks took, over how long they were to take. */
  readonly stretch: number;
  /** From the end of a task to the start of the next one on its node, where that had no bytes to wait for. */
  readonly turnaroundSeconds: number;
}

/** What a whole core of the lab's nodes is said to be. */
const coreGhz = 1.2;
/** More nodes at once take no less time to enrol: the machine has two cores. */
const atOnce = 4;

/** Of a node as tasks have it; a task's work is its seconds at this speed. */
export function speedGhz({ cpuShare }: Pick<LabPlan, 'cpuShare'>): number {
  return coreGhz * (cpuShare ?? 1);
}

/** Throws when not every task has succeeded. */
export async function runInLab(plan: LabPlan): Promise<LabRun> {
  const { policy, homes, jobs } = plan;
  const rig = await OverlayRig.start(['main=CORE:1194'], homes, {
    more: ['--policy', policy],
  });
  try {
    await enrol(rig, plan);
    const before = carriedDown(rig, homes);
    tellPhase('the jobs run');
    for (const job of jobs) await submit(rig, job, plan);
    const wanted = jobs.reduce((sum, { tasks }) => sum + tasks, 0);
    await follow({
      what: 'tasks done',
      look: async () => ({ count: await succeeded(rig) }),
      isOver: ({ count }) => count >= wanted,
    });
    const carried = carriedDown(rig, homes) - before;
    const payloadPart = (await payloadBytes(rig, homes)) / carried;
    const times = timesOf(await tasksThatRan(rig, jobs));
    await rig.scheduler.kill('SIGTERM');
    return { past: readReplayed(rig.data), payloadPart, ...times };
  } finally {
    await rig.stop();
  }
}

async function enrol(rig: OverlayRig, { homes, cpuShare }: LabPlan): Promise<void> {
  tellPhase('nodes enrol');
  const queue = new PQueue({ concurrency: atOnce });
  for (const { name, nodes, downBps, upBps } of homes) {
    const rates = ['--down', `${downBps / 1e6} Mbit/s`, '--up', `${upBps / 1e6} Mbit/s`];
    await rig.punnet('site', 'set', name, ...rates, '--share', '100%');
    const token = await rig.nodeToken(nodes, name);
    const names = Array.from({ length: nodes }, (_, at) => `${name}-${at + 1}`);
    if (cpuShare !== null) for (const node of names) limit(rig.stateOf(node), cpuShare);
    await queue.addAll(names.map((node) => () => rig.join(node, token)));
  }
  const wanted = homes.reduce((sum, { nodes }) => sum + nodes, 0);
  await follow({
    what: 'nodes that were heard',
    look: async () => ({ count: await heard(rig) }),
    isOver: ({ count }) => count >= wanted,
  });
}

/** As its owner does, before its agent is there. */
function limit(state: string, cpuShare: number): void {
  mkdirSync(state, { recursive: true, mode: 0o711 });
  writeFileSync(join(state, 'limits.json'), JSON.stringify({ cpuShare }));
}

/** Each with a program and inputs of its own. */
async function submit(rig: OverlayRig, job: LabJob, plan: LabPlan): Promise<void> {
  const folder = join(rig.folder, job.name);
  mkdirSync(join(folder, 'program'), { recursive: true });
  mkdirSync(join(folder, 'inputs'));
  const now = 'date +%s%3N';
  const script = `#!/bin/sh\nstart=$(${now})\n${passing(job, plan)}\necho "$start $(${now})" > times\nhead -c ${job.outputBytes} /dev/urandom > out\n`;
  writeFileSync(join(folder, 'program/run.sh'), script, { mode: 0o755 });
  for (let task = 0; task < job.tasks; task += 1) {
    // Each another blob, so that none is fetched once for two tasks.
    const input = Buffer.alloc(job.inputBytes, `${job.name} ${task} `);
    writeFileSync(join(folder, `inputs/${String(task).padStart(4, '0')}`), input);
  }
  const spec = {
    name: job.name,
    bundles: { x86_64: { file: 'program' }, aarch64: { file: 'program' } },
    command: ['/bundle/run.sh'],
    tasks: { inputs: ['inputs/*'] },
    outputs: ['times', 'out'],
    retries: 0,
    profile: {
      work: `${speedGhz(plan) * job.seconds} GHz*s`,
      output: `${job.outputBytes / 1000} kB`,
    },
  };
  writeFileSync(join(folder, 'job.yaml'), stringify(spec));
  await rig.punnet('submit', join(folder, 'job.yaml'));
}

/** What takes a task's time; computing, so much of the CPU's. */
function passing({ seconds }: LabJob, { cpuShare }: LabPlan): string {
  if (cpuShare === null) return `sleep ${seconds}`;
  const cpuSeconds = seconds * cpuShare;
  return `perl -e 'do { $n++ for 1..20000; ($u, $s) = times } while $u + $s < ${cpuSeconds}'`;
}

interface Ran {
  readonly node: string;
  readonly job: LabJob;
  readonly startMs: number;
  readonly endMs: number;
}

/** By what each of them wrote, in the order of their starts. */
async function tasksThatRan(rig: OverlayRig, jobs: readonly LabJob[]): Promise<readonly Ran[]> {
  const ran: Ran[] = [];
  for (const job of jobs) {
    const to = join(rig.folder, `results of ${job.name}`);
    await rig.punnet('fetch', job.name, '--to', to);
    for (const { index, nodeName: node } of await tasksOf(rig, job.name)) {
      const times = readFileSync(join(to, String(index), 'times'), 'utf8').split(' ');
      const [startMs = 0, endMs = 0] = times.map(Number);
      ran.push({ node, job, startMs, endMs });
    }
  }
  return ran.sort((one, other) => one.startMs - other.startMs);
}

function timesOf(ran: readonly Ran[]): Pick<LabRun, 'stretch' | 'turnaroundSeconds'> {
  const least = Math.min(...ran.map(({ job }) => job.inputBytes));
  const gaps = ran.flatMap(({ node, job, startMs }, at) => {
    const before = ran.slice(0, at).findLast((each) => each.node === node);
    const isFree = job.inputBytes === least && before !== undefined;
    return isFree ? [startMs - before.endMs] : [];
  });
  const took = sum(ran.map(({ startMs, endMs }) => endMs - startMs));
  return {
    stretch: took / 1000 / sum(ran.map(({ job }) => job.seconds)),
    turnaroundSeconds: sum(gaps) / Math.max(1, gaps.length) / 1000,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

// What the CLI prints as JSON is as the contract says.

async function heard(rig: OverlayRig): Promise<number> {
  const { nodes } = JSON.parse(await rig.punnet('--output', 'json', 'nodes')) as {
    readonly nodes: readonly { readonly status?: unknown }[];
  };
  return nodes.filter(({ status }) => status !== undefined).length;
}

async function succeeded(rig: OverlayRig): Promise<number> {
  const { jobs } = JSON.parse(await rig.punnet('--output', 'json', 'jobs')) as {
    readonly jobs: readonly {
      readonly spec: { readonly name: string };
      readonly counts: { readonly succeeded: number; readonly failed: number };
    }[];
  };
  const failed = jobs.find(({ counts }) => counts.failed > 0);
  if (failed !== undefined) throw new Error(`tasks of ${failed.spec.name} have failed in the lab`);
  return jobs.reduce((sum, { counts }) => sum + counts.succeeded, 0);
}

async function tasksOf(rig: OverlayRig, job: string) {
  const { tasks } = JSON.parse(await rig.punnet('--output', 'json', 'tasks', job)) as {
    readonly tasks: readonly { readonly index: number; readonly nodeName: string }[];
  };
  return tasks;
}

/** Down to all homes, by the scheduler's own count. */
async function payloadBytes(rig: OverlayRig, homes: readonly Home[]): Promise<number> {
  let bytes = 0;
  for (const { name } of homes) {
    const { bytesDown } = JSON.parse(
      await rig.punnet('--output', 'json', 'site', 'show', name),
    ) as { readonly bytesDown: string };
    bytes += Number(bytesDown);
  }
  return bytes;
}

function carriedDown({ network }: OverlayRig, homes: readonly Home[]): number {
  return homes.reduce((sum, { name }) => sum + network.carried(name).receivedBytes, 0);
}

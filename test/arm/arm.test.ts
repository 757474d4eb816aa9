// The agent's package on Debian for each kind of Raspberry Pi: a scheduler of this machine, and nodes
// whose programs run by qemu. Their tests follow one another, as boards join a federation.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Rig, until } from '../integration/rig.ts';
import type { Program } from '../integration/program.ts';
import { buildDebs } from '../tools/debs.ts';
import type { Processor } from './machine.ts';
import { ArmMachine } from './machine.ts';

/** Emulation is up to 25 times slower, and other work may run here. */
const slowMs = 480_000;

interface Kind extends Processor {
  /** As the kernel of such a board names it, and qemu for it. */
  readonly architecture: string;
}

const pi1: Kind = { debian: 'armel', cpu: 'arm1176', architecture: 'armv6l' };
const pi2: Kind = { debian: 'armhf', cpu: 'cortex-a7', architecture: 'armv7l' };
const pi3: Kind = { debian: 'arm64', cpu: 'cortex-a53', architecture: 'aarch64' };
const kinds: readonly Kind[] = [pi1, pi2, pi3];

const folder = mkdtempSync(join(tmpdir(), 'punnet-arm-'));
const agents: Program[] = [];
const machines = new Map<string, ArmMachine>();
let started: Rig | undefined;

beforeAll(async () => {
  const here = kinds.filter((kind) => ArmMachine.missing(kind) === undefined);
  if (here.length === 0) return;
  started = await Rig.start();
  const debs = await buildDebs(folder, '022');
  for (const kind of here) {
    const machine = ArmMachine.unpack(join(folder, kind.debian), kind);
    machines.set(kind.debian, machine);
    await machine.install(debs.agent);
  }
}, slowMs);
afterEach((context) => {
  if (context.task.result?.state !== 'fail') return;
  const logs = agents.map((agent) => `--- ${agent.name}\n${agent.tail()}`);
  process.stderr.write(`${started?.logs() ?? ''}\n${logs.join('\n')}\n`);
});
afterAll(async () => {
  for (const agent of agents) await agent.kill('SIGTERM');
  await started?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Skips, and says why, where one of these can't be made. */
function federation(context: TestContext, ...wanted: readonly Kind[]): Rig {
  const why = wanted.map((kind) => ArmMachine.missing(kind)).find((each) => each !== undefined);
  context.skip(why !== undefined, why);
  if (started === undefined) throw new Error('there is no scheduler');
  return started;
}

function machineOf({ debian }: Processor): ArmMachine {
  const machine = machines.get(debian);
  if (machine === undefined) throw new Error(`there is no machine of ${debian}`);
  return machine;
}

/** A job whose tasks say what they run on, with a program of this kind. */
function jobFor(kind: Kind, named: string, count = 1): string {
  const file = join(folder, `${kind.debian}-as-${named}-${count}`);
  mkdirSync(join(file, 'program'), { recursive: true });
  const busybox = join(machineOf(kind).root, 'bin/busybox');
  cpSync(busybox, join(file, 'program/busybox'));
  const job = `name: which
bundles: { ${named}: { file: program } }
command: [/bundle/busybox, uname, -m]
# The sandbox's own words run as whatever qemu prefers; the task as the node's CPU.
environment: { QEMU_CPU: ${kind.cpu} }
tasks: { count: ${count} }
profile: { work: 1 GHz*s, output: 1 kB }
`;
  writeFileSync(join(file, 'job.yaml'), job);
  return join(file, 'job.yaml');
}

/** Enrols it, and starts its agent; healthy when this resolves. */
async function joins(rig: Rig, kind: Kind): Promise<void> {
  const machine = machineOf(kind);
  const { secret, url } = await rig.nodeToken({ site: 'attic' });
  const agent = await machine.startAgent(kind.debian, url, secret);
  agents.push(agent);
  const isHealthy = async (): Promise<boolean> => {
    if (!agent.isRunning) throw new Error(`the agent of ${kind.debian} ended:\n${agent.tail()}`);
    return (await rig.listNodes()).some(({ name, health }) => name === kind.debian && health === 2);
  };
  await until('it is healthy', async () => (await isHealthy()) || undefined, slowMs);
}

test("the check's check: armhf's Node.js dies as ARMv6", async (context) => {
  federation(context, pi2);
  const died = await machineOf(pi2).on('arm1176').call('node', '-e', '0');
  // SIGILL, as on a Pi 1 or Zero.
  expect(died.code === 132 || died.code === -1, JSON.stringify(died)).toBe(true);
  expect(died.err).toContain('Illegal instruction');
  expect(await machineOf(pi2).says('node', '-p', 'process.arch')).toBe('arm\n');
});

test('code for ARMv7 that is named armv6l is refused', async (context) => {
  const rig = federation(context, pi2);
  const refused = await rig.punnet('submit', jobFor(pi2, 'armv6l'));
  expect(refused.code).not.toBe(0);
  expect(refused.err).toMatch(/wanted code for armv6l, found armv7.*-march=armv6kz/s);
});

/** As a new volunteer's board: what it is goes to the scheduler, and a task runs on it. */
async function joinsAndWorks(rig: Rig, kind: Kind): Promise<void> {
  await joins(rig, kind);
  const { architecture, debian } = kind;
  const { inventory } = await rig.untilNode(debian, () => true);
  expect(inventory).toMatchObject({ architecture, userland: debian, sandbox: 'none' });
  const { jobId } = await rig.submit(jobFor(kind, architecture));
  await runsOn(rig, jobId, debian);
  expect((await rig.punnet('logs', jobId, '0')).out).toBe(`${architecture}\n`);
}

async function runsOn(rig: Rig, jobId: string, name: string): Promise<void> {
  await rig.untilSucceeded(jobId);
  expect(await rig.tasks(jobId)).toMatchObject([{ nodeName: name, failures: 0, losses: 0 }]);
}

test(
  'a Pi 1 joins: armel as arm1176 is armv6l, and runs a task',
  (context) => joinsAndWorks(federation(context, pi1), pi1),
  slowMs,
);

test('a bundle for ARMv7 is refused where all are ARMv6', async (context) => {
  const rig = federation(context, pi1, pi2);
  const refused = await rig.punnet('submit', jobFor(pi2, 'armv7l'));
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toContain('no node can run a bundle for armv7l; the federation has armv6l');
});

test(
  'a Pi 2 joins: armhf as cortex-a7 is armv7l, and gets all that is for ARMv7',
  async (context) => {
    const rig = federation(context, pi1, pi2);
    await joinsAndWorks(rig, pi2);
    // As many as both have slots for, twice.
    const { jobId } = await rig.submit(jobFor(pi2, 'armv7l', 8));
    await rig.untilSucceeded(jobId);
    const names = (await rig.tasks(jobId)).map(({ nodeName }) => nodeName);
    expect(names).toEqual(Array.from({ length: 8 }, () => 'armhf'));
  },
  slowMs,
);

test(
  'a Pi 3 joins: arm64 as cortex-a53 is aarch64',
  (context) => joinsAndWorks(federation(context, pi3), pi3),
  slowMs,
);

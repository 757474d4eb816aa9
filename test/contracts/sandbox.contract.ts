// What every back end of the sandbox holds: the tasks of sandbox-rows.ts, really run. Each ends with
// its reason, leaves nothing behind, and the next task runs.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../agent/adapters/sandbox/attempt-spec.ts';
import { attemptMark } from '../../agent/adapters/sandbox/attempt-spec.ts';
import { cpuMsOf } from '../../agent/adapters/sandbox/task-processes.ts';
import { pidsWith, type SandboxRig, until } from '../agent/sandbox/sandbox-rig.ts';
import { rows, type Wall } from './sandbox-rows.ts';

const reason = { code: 'cancelled', detail: 'nobody needs it' } as const;

export interface SandboxContract {
  readonly backend: Backend;
  readonly rig: SandboxRig;
  /** What this back end has beside rlimits, here. */
  readonly walls: readonly Wall[];
  /** Where its attempts have their groups. */
  readonly groupsAt?: string;
}

/** Fails twice, each time further than before, and then succeeds; another task finds nothing. */
async function resume({ rig, backend }: SandboxContract, first: number): Promise<void> {
  const step = 'cat checkpoint/steps; printf x >> "$PUNNET_CHECKPOINT/steps"; umask 077; exit';
  const of = (taskIndex: number) => ({
    checkpointPath: rig.sandbox.checkpointOf({ jobId: `resume-${backend}`, taskIndex }),
    backend,
  });
  const run = async (leaseId: number, code: number, task = of(1)): Promise<string> => {
    await rig.run(leaseId, `${step} ${code}`, task);
    const said = rig.sandbox.logTail(leaseId);
    await rig.sandbox.remove(leaseId);
    return said;
  };
  expect(await run(first, 1)).toContain('No such file');
  expect(await run(first + 1, 1)).toBe('x');
  expect(await run(first + 2, 1, of(2))).toContain('No such file');
  expect(await run(first + 3, 0)).toBe('xx');
  // It has succeeded: nobody needs it any more.
  expect(await run(first + 4, 1)).toContain('No such file');
}

/** Declares the suite for one back end. */
export function sandboxContract(name: string, contract: SandboxContract): void {
  const { rig, backend } = contract;
  const prey = new Prey(rig);
  const held = rows.filter(
    ({ walls }) => walls === undefined || walls.some((wall) => contract.walls.includes(wall)),
  );
  for (const row of rows) {
    if (!held.includes(row)) console.log(`${name}: not held: a task that ${row.name}`);
  }
  describe(name, () => {
    beforeAll(() => prey.start());
    afterAll(() => {
      prey.stop();
      rig.close();
    });

    describe.concurrent('a task', () => {
      const numbered = held.map((row, index) => ({ ...row, leaseId: 10 + index }));
      test.each(numbered)('that $name ends as $code', async (row) => {
        const { leaseId } = row;
        const script = prey.fill(row.script, leaseId);
        const exit = await rig.run(leaseId, script, { ...row.more, backend });
        const log = rig.sandbox.logTail(leaseId);
        expect(exit, log).toMatchObject({ code: row.code });
        if (row.log !== undefined) expect(log).toMatch(row.log);
        if (row.detail !== undefined) expect(exit.detail, log).toMatch(row.detail);
        await expectNothingLeft(contract, leaseId);
      });

      test('finds what the attempt before left in its checkpoint folder', () =>
        resume(contract, 90));

      test.each([
        ['starts', 80],
        ['runs', 81],
      ] as const)('that is cancelled while it %s ends so', (when, leaseId) =>
        cancel(contract, leaseId, when),
      );

      test("leaves a core to its owner's programs", () => shareCore(contract, 82));
    });

    test("a running task is held to its owner's share of a core", () => holdCpu(contract, 83));

    test('a frozen task stands still, goes on, and has its whole time', () => freeze(contract, 84));

    test('a frozen task that is cancelled can clean up', () => cancelFrozen(contract, 85));

    test('after all of them the next task runs', async () => {
      const exit = await rig.run(90, 'echo well > out; cat out', { backend });
      expect(exit).toMatchObject({ code: 'succeeded' });
      expect(rig.sandbox.logTail(90)).toBe('well\n');
      expect(prey.secret()).toBe('secret');
    });
  });
}

/** Starts a task that prints all the time, and freezes it; what it has printed when it stands still. */
async function freezeTicking(
  { rig, backend }: SandboxContract,
  leaseId: number,
  before: string,
): Promise<string> {
  const script = `${before}; i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done`;
  await rig.stage(leaseId, script, { backend, timeoutMs: 6_000 });
  await rig.sandbox.start(leaseId);
  await until(() => rig.sandbox.logTail(leaseId).includes('tick'));
  rig.sandbox.holdCpu(0);
  const seen: string[] = [];
  // For half a second nothing: awake it says twenty times as much.
  await until(() => {
    seen.push(rig.sandbox.logTail(leaseId));
    return seen.length > 25 && seen.at(-1) === seen.at(-25);
  });
  return seen.at(-1) ?? '';
}

async function freeze(contract: SandboxContract, leaseId: number): Promise<void> {
  const { rig } = contract;
  const ended = rig.ended(leaseId);
  const startedMs = performance.now();
  const said = await freezeTicking(contract, leaseId, 'true');
  // Longer than it may run.
  await until(() => performance.now() - startedMs > 6_500);
  expect(rig.sandbox.logTail(leaseId)).toBe(said);
  rig.sandbox.holdCpu(100);
  const exit = await ended;
  expect(exit).toMatchObject({ code: 'timeout' });
  expect(rig.sandbox.logTail(leaseId).length).toBeGreaterThan(said.length);
  // It stood still for a second and more of those.
  expect(performance.now() - startedMs - exit.wallMs).toBeGreaterThan(1_000);
  await expectNothingLeft(contract, leaseId);
}

async function cancelFrozen(contract: SandboxContract, leaseId: number): Promise<void> {
  const { rig } = contract;
  const ended = rig.ended(leaseId);
  await freezeTicking(contract, leaseId, "trap 'echo cleaned up; exit 0' TERM");
  rig.sandbox.stop(leaseId, reason);
  expect(await ended).toMatchObject(reason);
  rig.sandbox.holdCpu(100);
  expect(rig.sandbox.logTail(leaseId)).toContain('cleaned up');
  await expectNothingLeft(contract, leaseId);
}

async function cancel(
  contract: SandboxContract,
  leaseId: number,
  when: 'starts' | 'runs',
): Promise<void> {
  const { rig, backend } = contract;
  const ended = rig.ended(leaseId);
  await rig.stage(leaseId, 'sleep 100', { backend });
  const starting = rig.sandbox.start(leaseId);
  if (when === 'runs') await starting;
  rig.sandbox.stop(leaseId, reason);
  await starting;
  expect(await ended).toMatchObject(reason);
  await expectNothingLeft(contract, leaseId);
}

async function shareCore({ rig, backend }: SandboxContract, leaseId: number): Promise<void> {
  const ended = rig.ended(leaseId);
  const busy = `alarm 60; 1 while ${leaseId}`;
  const pids = (): readonly number[] => pidsWith(`perl\0-e\0${busy}\0`);
  await rig.stage(leaseId, `exec taskset -c 0 perl -e '${busy}'`, { backend });
  await rig.sandbox.start(leaseId);
  await until(() => pids().length > 0);
  // In a session of its own, as what people start from a desktop or by SSH.
  const words = ['-c', '0', 'perl', '-e', 'alarm 2; 1 while 1'];
  const owner = spawn('taskset', words, { stdio: 'ignore', detached: true });
  const [task] = pids();
  const beforeMs = cpuMsOf(String(task), 'all');
  const ownerMs = await cpuMsAtEnd(owner);
  const taskMs = cpuMsOf(String(task), 'all') - beforeMs;
  rig.sandbox.stop(leaseId, reason);
  await ended;
  // Ten at rest; one without the care for it.
  expect(ownerMs / taskMs).toBeGreaterThan(2);
}

async function holdCpu({ rig, backend }: SandboxContract, leaseId: number): Promise<void> {
  const ended = rig.ended(leaseId);
  await rig.stage(leaseId, 'while :; do :; done', { backend, timeoutMs: 4_000 });
  await rig.sandbox.start(leaseId);
  rig.sandbox.holdCpu(10);
  const exit = await ended;
  rig.sandbox.holdCpu(100);
  expect(exit).toMatchObject({ code: 'timeout' });
  // Up to a second until it is seen; then a tenth.
  expect(exit.cpuMs).toBeLessThan(2_500);
}

/** What tasks must not reach: secrets, another task's folder, and things that listen. */
class Prey {
  readonly #rig: SandboxRig;
  readonly #abstract: string;
  readonly #servers: Server[] = [];
  #port = 0;

  constructor(rig: SandboxRig) {
    this.#rig = rig;
    this.#abstract = rig.folder.replaceAll('/', '-');
  }

  async start(): Promise<void> {
    const { folder } = this.#rig;
    writeFileSync(join(folder, 'keys.json'), 'secret', { mode: 0o600 });
    mkdirSync(join(folder, 'attempts/900/work'), { recursive: true, mode: 0o711 });
    writeFileSync(join(folder, 'attempts/900/work/secret'), 'secret', { mode: 0o600 });
    for (const at of [0, `\0${this.#abstract}`, join(folder, 'socket')]) {
      const server = createServer((socket) => socket.end()).unref();
      this.#servers.push(server);
      await once(server.listen(at), 'listening');
      const address = server.address();
      if (typeof address === 'object' && address !== null) this.#port = address.port;
    }
  }

  stop(): void {
    for (const server of this.#servers) server.close();
  }

  secret(): string {
    return readFileSync(join(this.#rig.folder, 'attempts/900/work/secret'), 'utf8');
  }

  /** Puts the paths and ports of this run into a row's script. */
  fill(script: string, leaseId: number): string {
    return script
      .replaceAll('{lease}', String(leaseId))
      .replaceAll('{state}', this.#rig.folder)
      .replaceAll('{abstract}', this.#abstract)
      .replaceAll('{agent}', String(process.pid))
      .replaceAll('{port}', String(this.#port));
  }
}

/** CPU time of a process, from the last look before its end. */
async function cpuMsAtEnd(child: ChildProcess): Promise<number> {
  let seenMs = 0;
  while (child.exitCode === null && child.signalCode === null) {
    seenMs = Math.max(seenMs, cpuMsOf(String(child.pid), 'all'));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return seenMs;
}

async function expectNothingLeft(
  { rig, groupsAt = '/nowhere' }: SandboxContract,
  leaseId: number,
): Promise<void> {
  const folder = rig.sandbox.folderOf(leaseId);
  // bwrap ends as soon as the task does; the kernel then ends what else is in its namespace.
  await until(() => pidsWith(`sleep\0${30}${leaseId}\0`).length === 0);
  await until(() => !existsSync(join(groupsAt, attemptMark(folder))));
  expect(statSync(join(folder, 'log')).size).toBeLessThan(1.1 * 2 ** 20);
  expect(existsSync(`/tmp/punnet-escape-${leaseId}`)).toBe(false);
  expect(existsSync('/punnet-escape')).toBe(false);
  expect(readdirSync(rig.bundlePath)).toEqual(['bin']);
}

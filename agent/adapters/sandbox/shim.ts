// The process that stands beside one task: starts it, keeps its wall time, disk, memory and CPU
// share, and writes exit.json. It outlives the agent, so that a restarted one collects the result.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import type { Exit } from '../../core/index.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { writeAtOnce } from '../state/durable.ts';
import type { AttemptSpec } from './attempt-spec.ts';
import { isInOwnNetwork } from './own-network.ts';
import {
  attemptFiles,
  attemptMark,
  isMemoryGrouped,
  markProcess,
  proxySocketIn,
  readExit,
  readSpec,
  readStop,
  shimWords,
} from './attempt-spec.ts';
import { cgroupOf, type Cgroup } from './cgroup.ts';
import { CpuBrake, readCpuPercent } from './cpu-brake.ts';
import { diskFree, diskUse } from './disk-use.ts';
import type { Ended, Ending } from './judge-exit.ts';
import { judgeExit, overBytes, overDisk, overMemory, overTime } from './judge-exit.ts';
import { runChain } from './run-chain.ts';
import { readLogTail, TaskLog } from './task-log.ts';
import {
  cpuMsOf,
  descendantsOf,
  leftoversOf,
  memoryOf,
  signalAll,
  yieldToOwner,
} from './task-processes.ts';
import { TaskTime } from './task-time.ts';

const watchIntervalMs = 1000;
/** By then the task is in its sandbox. */
const firstWatchMs = 100;
/** Looking must not cost more than a twentieth of a core: a work folder may hold 100,000 files. */
const watchCostFactor = 20;
const graceMs = 2000;
const roomIntervalMs = 5_000;
/** A task is ended when the disk has less left: the node needs room to report at all. */
const diskReserveBytes = 64 << 20;
/** Below what people run on the node, above the task: for a shim that a chatty task keeps busy. */
const busyNiceness = 10;

/**
 * Waits for the folder of an attempt on stdin and runs it to its end. Resolves after exit.json is
 * on disk, or when stdin ends without a word: no agent needs this shim any more.
 */
export async function runShim(): Promise<void> {
  const attemptFolder = readFileSync(0, 'utf8').trim();
  if (attemptFolder === '') return;
  const shim = new Shim(readSpec(attemptFolder), attemptFolder);
  process.on('SIGHUP', () => undefined);
  process.on('SIGTERM', () => shim.endAsAsked());
  const mark = JSON.stringify(markProcess(process.pid));
  writeAtOnce(join(attemptFolder, attemptFiles.shim), mark);
  // An agent that found no shim has told the attempt's end already, or removed the attempt.
  if (readExit(attemptFolder) !== null) return;
  if (readStop(attemptFolder) !== null) shim.endAsAsked();
  const exit = await shim.run();
  const sync = await writeExit(join(attemptFolder, attemptFiles.exit), exit);
  say(shimWords.ended);
  try {
    sync();
  } catch {
    // The agent has taken the end, and removed the folder.
  }
  await shim.removeGroups();
}

/** On a full disk it waits for room: a result must not be lost for that. */
async function writeExit(file: string, exit: Exit): Promise<() => void> {
  for (;;) {
    try {
      return writeAtOnce(file, JSON.stringify(exit));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await pause(roomIntervalMs);
    }
  }
}

class Shim {
  readonly #spec: AttemptSpec;
  readonly #folder: string;
  readonly #cgroup: Cgroup | null;
  readonly #log: TaskLog;
  readonly #time = new TaskTime();
  #child: ChildProcess | null = null;
  #watchTimer: NodeJS.Timeout | undefined;
  readonly #brake = new CpuBrake(() => this.#taskPids());
  /** CPU time seen in living processes: nobody waits for those that SIGKILL ends with bwrap. */
  #seenCpuMs = 0;
  #ending: Ending | null = null;

  constructor(spec: AttemptSpec, attemptFolder: string) {
    this.#spec = spec;
    this.#folder = attemptFolder;
    this.#log = new TaskLog(attemptFolder);
    this.#cgroup = cgroupOf(spec.backend, attemptMark(attemptFolder));
  }

  async run(): Promise<Exit> {
    // Asked to end before there was a task.
    if (this.#ending !== null) return this.#notRun(this.#ending);
    try {
      this.#cgroup?.create(this.#spec);
    } catch (error) {
      this.#cgroup?.remove();
      return this.#notRun({ code: 'not_started', detail: `cgroup refused: ${String(error)}` });
    }
    try {
      await this.#openDoor();
    } catch (error) {
      this.#cgroup?.remove();
      return this.#notRun({
        code: 'not_started',
        detail: `no way to the internet: ${String(error)}`,
      });
    }
    const ended = await this.#runTask();
    this.#log.finish();
    const exit = judgeExit({
      spec: this.#spec,
      ended,
      ending: this.#ending,
      usedBytes: diskUse(this.#spec.workPath),
      oomKills: this.#cgroup?.oomKills() ?? 0,
      refusedForks: this.#cgroup?.refusedForks() ?? 0,
      logTail: readLogTail(this.#folder, 4096),
      cpuMs: this.#cgroup?.cpuMs() ?? Math.max(cpuMsOf('self', 'children'), this.#seenCpuMs),
      wallMs: this.#time.ranMs,
    });
    return exit;
  }

  /** A group is busy for a moment after its last process has ended. */
  async removeGroups(): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      if (this.#cgroup === null || this.#cgroup.remove()) return;
      await pause(20);
    }
  }

  /** Ends the task for the reason in the folder's stop file. */
  endAsAsked(): void {
    // Without a reason the machine goes down, or its owner ended the shim.
    const unasked = { code: 'owner', detail: 'ended by the owner of the node' } as const;
    this.#end(readStop(this.#folder) ?? unasked);
  }

  /** To the agent's proxy, for a task with internet. */
  async #openDoor(): Promise<void> {
    const { internetBytes } = this.#spec;
    if (internetBytes === undefined) return;
    // In the node's own network the task would have all of it.
    if (!isInOwnNetwork()) throw new Error('its shim is not in a network of its own');
    const { ProxyDoor } = await import('./proxy-door.ts');
    await ProxyDoor.open({
      path: proxySocketIn(this.#folder),
      mostBytes: internetBytes,
      onOver: () => this.#end(overBytes(internetBytes)),
    });
  }

  async #runTask(): Promise<Ended> {
    const chain = runChain(this.#spec, this.#folder, this.#cgroup?.entryFiles() ?? []);
    const child = spawn(chain.file, chain.args, {
      cwd: this.#spec.workPath,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    this.#child = child;
    child.stdout.on('data', (bytes: Buffer) => {
      if (this.#log.append(bytes) === 'first left out') setPriority(busyNiceness);
    });
    const closed = new Promise<void>((resolve) => child.stdout.once('close', resolve));
    child.once('spawn', () => say(shimWords.started));
    const { timeoutMs } = this.#spec;
    this.#time.limit(timeoutMs, () => this.#end(overTime(timeoutMs)));
    this.#watchAfter(firstWatchMs);
    this.#holdCpu();
    const ended = await new Promise<Ended>((resolve) => {
      child.once('exit', (status, signal) =>
        resolve({ status: status ?? -1, signal, error: null }),
      );
      child.once('error', (error) => resolve({ status: -1, signal: null, error: error.message }));
    });
    this.#brake.hold(100);
    this.#time.stop();
    clearTimeout(this.#watchTimer);
    await this.#clearLeftovers();
    await Promise.race([closed, pause(500)]);
    child.stdout.destroy();
    return ended;
  }

  /** The owner's share may change while the task runs; with none it is frozen. */
  #holdCpu(): void {
    const asked = readCpuPercent(dirname(this.#folder));
    // Whoever is asked to end must run to do so.
    const percent = asked === 0 && this.#ending !== null ? 100 : asked;
    const isFrozen = percent === 0;
    this.#time.freeze(isFrozen);
    const hasFrozen = this.#cgroup?.freeze(isFrozen) ?? false;
    const isHeld = isFrozen ? hasFrozen : (this.#cgroup?.holdCpu(percent) ?? false);
    this.#brake.hold(isHeld ? 100 : percent);
  }

  #watchAfter(spanMs: number): void {
    this.#watchTimer = setTimeout(() => {
      const startedMs = performance.now();
      this.#watch();
      const tookMs = performance.now() - startedMs;
      this.#watchAfter(Math.max(watchIntervalMs, watchCostFactor * tookMs));
    }, spanMs);
  }

  #watch(): void {
    this.#limitAgain();
    this.#holdCpu();
    yieldToOwner(this.#taskPids());
    this.#seeCpu();
    const used = diskUse(this.#spec.workPath);
    if (used > this.#spec.diskBytes) {
      this.#end(overDisk(used, this.#spec.diskBytes));
    } else if (diskFree(this.#spec.workPath) < diskReserveBytes) {
      const detail = `the node's disk has less than ${diskReserveBytes} bytes left`;
      this.#end({ code: 'out_of_disk', detail });
    } else if (this.#isOverMemory()) {
      this.#end(overMemory(this.#spec.memoryBytes));
    }
  }

  /** While no agent runs, systemd has back what it delegated, and the group has no limits. */
  #limitAgain(): void {
    try {
      this.#cgroup?.limit(this.#spec);
    } catch {
      // Taken back this moment: the next look sets them.
    }
  }

  /** As memory.oom.group of v2: a task that lost one process ends as a whole. */
  #isOverMemory(): boolean {
    if (isMemoryGrouped(this.#spec.backend)) return (this.#cgroup?.oomKills() ?? 0) > 0;
    // The rlimit holds each process; together they are held here.
    return memoryOf(this.#taskPids()) > this.#spec.memoryBytes;
  }

  /** SIGTERM to the task, SIGKILL after the grace; only the first reason counts. */
  #end(ending: Ending): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    if (this.#child === null) return;
    this.#holdCpu();
    // Over memory or disk there is no time for manners.
    const isUrgent = ending.code === 'out_of_disk' || ending.code === 'out_of_memory';
    this.#signalTask(isUrgent ? 'SIGKILL' : 'SIGTERM');
    setTimeout(() => this.#signalTask('SIGKILL'), graceMs).unref();
  }

  #signalTask(signal: 'SIGTERM' | 'SIGKILL'): void {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#child?.exitCode !== null) return;
    if (signal === 'SIGKILL') {
      this.#seeCpu();
      // bwrap's end takes its PID namespace along.
      signalAll([...descendantsOf(pid), pid], 'SIGKILL');
      this.#cgroup?.kill();
      return;
    }
    // bwrap itself (and its init) must live on to hand back the task's status.
    const inside = descendantsOf(pid);
    // Still on its way into the sandbox: no task yet that could clean up.
    if (this.#spec.backend !== 'bare' && inside.length < 2) return this.#signalTask('SIGKILL');
    signalAll(this.#spec.backend === 'bare' ? [pid, ...inside] : inside.slice(1), 'SIGTERM');
  }

  #taskPids(): readonly number[] {
    const pid = this.#child?.pid;
    return pid === undefined ? [] : [pid, ...descendantsOf(pid)];
  }

  #seeCpu(): void {
    if (this.#cgroup !== null) return;
    const sum = this.#taskPids().reduce((total, pid) => total + cpuMsOf(String(pid), 'all'), 0);
    this.#seenCpuMs = Math.max(this.#seenCpuMs, sum);
  }

  /** Ends what the task left behind, outside of a PID namespace too; bounded to two seconds. */
  async #clearLeftovers(): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      let isClear = this.#cgroup?.kill() ?? true;
      if (this.#spec.backend === 'bare') {
        const left = leftoversOf(this.#folder);
        signalAll(left, 'SIGKILL');
        isClear &&= left.length === 0;
      }
      if (isClear) return;
      // The next task waits for this slot: what was killed is mostly gone at once.
      await pause(Math.min(20, 1 + round));
    }
  }

  #notRun({ code, detail }: Ending): Exit {
    this.#log.finish();
    return { code, exitCode: -1, cpuMs: 0, wallMs: 0, detail };
  }
}

/** Tells the agent, if it still listens. */
function say(word: string): void {
  try {
    writeSync(1, `${word}\n`);
  } catch {
    // Nobody listens.
  }
}

function pause(spanMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, spanMs));
}

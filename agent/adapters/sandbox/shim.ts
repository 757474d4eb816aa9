// The process that stands beside one task: starts it, keeps its wall time, disk and memory, and
// writes exit.json. It outlives the agent, so that a restarted agent can collect the result.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Exit } from '../../core/index.ts';
import type { AttemptSpec } from './attempt-spec.ts';
import {
  attemptFiles,
  attemptMark,
  markProcess,
  readSpec,
  writeJsonDurably,
} from './attempt-spec.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { diskFree, diskUse } from './disk-use.ts';
import { judgeExit, type Ending } from './judge-exit.ts';
import { runChain } from './run-chain.ts';
import { readLogTail, TaskLog } from './task-log.ts';
import { cpuMsOf, descendantsOf, pidsMarked, signalAll } from './task-processes.ts';

const watchIntervalMs = 1000;
const graceMs = 2000;
/** A task is ended when the disk has less left: the node needs room to report at all. */
const diskReserveBytes = 64 << 20;

/** Runs the attempt of a folder to its end. Resolves after exit.json is on disk. */
export async function runShim(attemptFolder: string): Promise<void> {
  const spec = readSpec(attemptFolder);
  writeJsonDurably(join(attemptFolder, attemptFiles.shim), markProcess(process.pid));
  const exit = await new Shim(spec, attemptFolder).run();
  writeJsonDurably(join(attemptFolder, attemptFiles.exit), exit);
}

class Shim {
  readonly #spec: AttemptSpec;
  readonly #folder: string;
  readonly #cgroup: CgroupV1 | null;
  readonly #log: TaskLog;
  readonly #startedMs = performance.now();
  #child: ChildProcess | null = null;
  /** CPU time seen in living processes: nobody waits for those that SIGKILL ends with bwrap. */
  #seenCpuMs = 0;
  #ending: Ending | null = null;

  constructor(spec: AttemptSpec, attemptFolder: string) {
    this.#spec = spec;
    this.#folder = attemptFolder;
    this.#log = new TaskLog(attemptFolder);
    this.#cgroup = spec.backend === 'cgroup-v1' ? new CgroupV1(attemptMark(attemptFolder)) : null;
  }

  async run(): Promise<Exit> {
    // A broken pipe to a dead agent must not end the shim.
    process.stdout.on('error', () => undefined);
    process.on('SIGHUP', () => undefined);
    process.on('SIGTERM', () => this.#end(this.#askedEnding()));
    try {
      this.#cgroup?.create(this.#spec);
    } catch (error) {
      this.#cgroup?.remove();
      return this.#notStarted(`cgroup refused: ${String(error)}`);
    }
    const ended = await this.#runTask();
    await this.#clearLeftovers();
    this.#log.finish();
    const usedBytes = diskUse(this.#spec.workPath);
    const exit = judgeExit({
      spec: this.#spec,
      ended,
      ending: this.#ending,
      usedBytes,
      oomKills: this.#cgroup?.oomKills() ?? 0,
      refusedForks: this.#cgroup?.refusedForks() ?? 0,
      logTail: readLogTail(this.#folder, 4096),
      cpuMs: this.#cgroup?.cpuMs() ?? Math.max(childrenCpuMs(), this.#seenCpuMs),
      wallMs: Math.round(performance.now() - this.#startedMs),
    });
    this.#cgroup?.remove();
    return exit;
  }

  async #runTask(): Promise<{
    status: number;
    signal: string | null;
    error: string | null;
  }> {
    const chain = runChain(this.#spec, this.#folder, this.#cgroup?.entryFiles() ?? []);
    const child = spawn(chain.file, chain.args, {
      cwd: this.#spec.workPath,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    this.#child = child;
    child.stdout.on('data', (bytes: Buffer) => this.#log.append(bytes));
    const closed = new Promise<void>((resolve) => child.stdout.once('close', resolve));
    child.once('spawn', () => sayStarted());
    if (this.#ending !== null) this.#signalTask('SIGKILL');
    const timeout = setTimeout(() => {
      this.#end({
        code: 'timeout',
        detail: `ran over its ${this.#spec.timeoutMs} ms`,
      });
    }, this.#spec.timeoutMs);
    const watch = setInterval(() => this.#watch(), watchIntervalMs);
    const ended = await new Promise<{
      status: number;
      signal: string | null;
      error: string | null;
    }>((resolve) => {
      child.once('exit', (status, signal) =>
        resolve({ status: status ?? -1, signal, error: null }),
      );
      child.once('error', (error) => resolve({ status: -1, signal: null, error: error.message }));
    });
    clearTimeout(timeout);
    clearInterval(watch);
    await this.#clearLeftovers();
    await Promise.race([closed, pause(500)]);
    child.stdout.destroy();
    return ended;
  }

  #watch(): void {
    this.#seeCpu();
    const used = diskUse(this.#spec.workPath);
    if (used > this.#spec.diskBytes) {
      const detail = `work folder took ${used} of ${this.#spec.diskBytes} bytes`;
      this.#end({ code: 'out_of_disk', detail });
    } else if (diskFree(this.#spec.workPath) < diskReserveBytes) {
      const detail = `the node's disk has less than ${diskReserveBytes} bytes left`;
      this.#end({ code: 'out_of_disk', detail });
    } else if ((this.#cgroup?.oomKills() ?? 0) > 0) {
      // As memory.oom.group of v2: a task that lost one process ends as a whole.
      this.#end({ code: 'out_of_memory', detail: '' });
    }
  }

  /** SIGTERM to the task, SIGKILL after the grace; only the first reason counts. */
  #end(ending: Ending): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    if (this.#child === null) return;
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

  #seeCpu(): void {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#cgroup !== null) return;
    const pids = [pid, ...descendantsOf(pid)];
    const sum = pids.reduce((total, each) => total + cpuMsOf(String(each), 'all'), 0);
    this.#seenCpuMs = Math.max(this.#seenCpuMs, sum);
  }

  /** Ends what the task left behind, outside of a PID namespace too; bounded to two seconds. */
  async #clearLeftovers(): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      let isClear = this.#cgroup?.kill() ?? true;
      if (this.#spec.backend === 'bare') {
        const left = pidsMarked(attemptMark(this.#folder));
        signalAll(left, 'SIGKILL');
        isClear &&= left.length === 0;
      }
      if (isClear) return;
      await pause(20);
    }
  }

  #askedEnding(): Ending {
    try {
      const reason = readFileSync(join(this.#folder, attemptFiles.stop), 'utf8');
      if (reason === 'cancelled') return { code: 'cancelled', detail: 'cancelled' };
    } catch {
      // No file: the machine goes down, or its owner ended the shim.
    }
    return { code: 'owner', detail: 'ended by the owner of the node' };
  }

  #notStarted(detail: string): Exit {
    this.#log.finish();
    return { code: 'not_started', exitCode: -1, cpuMs: 0, wallMs: 0, detail };
  }
}

/** Tells the agent, if it still listens, that the task's process exists. */
function sayStarted(): void {
  try {
    writeSync(1, 'started\n');
  } catch {
    // Nobody listens.
  }
}

function childrenCpuMs(): number {
  return cpuMsOf('self', 'children');
}

function pause(spanMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, spanMs));
}

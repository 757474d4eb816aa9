// Starts, stops and adopts the attempts of a node. Decides nothing: it is asked, and tells ends.
// The state folder must be reachable (o+x) for task users; secrets in it have mode 0600.

import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lchownSync, mkdirSync } from 'node:fs';
import { openSync, closeSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Exit } from '../../core/index.ts';
import {
  attemptFiles,
  attemptMark,
  findShim,
  readExit,
  SandboxError,
  taskUid,
  writeJsonDurably,
  type AttemptSpec,
  type StopReason,
} from './attempt-spec.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { canChangeUser } from './run-chain.ts';
import { testAbilities, type Abilities } from './self-test.ts';
import { readLogTail } from './task-log.ts';
import { pidsMarked, signalAll } from './task-processes.ts';

/** What a caller asks for; the back end is the sandbox's own finding. */
export type StartRequest = Omit<AttemptSpec, 'backend'>;

export interface Adopted {
  readonly leaseId: number;
  readonly state: 'running' | 'exited';
  readonly exit?: Exit;
}

export interface SandboxOptions {
  readonly stateFolder: string;
  /** Runs tasks with rlimits alone where the kernel refuses namespaces: for demos only. */
  readonly allowUnsandboxed?: boolean;
  /** Command that takes an attempt folder as its last word; default: this bundle, mode `shim`. */
  readonly shimCommand?: readonly string[];
}

const adoptedPollMs = 500;
const startWaitMs = 30_000;

export class Sandbox {
  readonly #attempts: string;
  readonly #allowUnsandboxed: boolean;
  readonly #shimCommand: readonly string[];
  readonly #adopted = new Map<number, NodeJS.Timeout>();
  #abilities: Abilities | null = null;
  #tell: (leaseId: number, exit: Exit) => void = () => undefined;

  constructor(options: SandboxOptions) {
    const state = resolve(options.stateFolder);
    this.#attempts = join(state, 'attempts');
    this.#allowUnsandboxed = options.allowUnsandboxed ?? false;
    this.#shimCommand = options.shimCommand ?? [
      process.execPath,
      '--max-old-space-size=24',
      process.argv[1] ?? '',
      'shim',
    ];
    mkdirSync(this.#attempts, { recursive: true });
    for (const folder of [state, this.#attempts]) {
      chmodSync(folder, (statSync(folder).mode & 0o7777) | 0o111);
    }
  }

  /** Finds what this machine can enforce by running a small hostile check; once is enough. */
  async selfTest(): Promise<Abilities> {
    this.#abilities ??= await testAbilities(this.#attempts);
    return this.#abilities;
  }

  /** Called once for each attempt that ends after start() or was adopted as running. */
  onExit(callback: (leaseId: number, exit: Exit) => void): void {
    this.#tell = callback;
  }

  /** Folder of an attempt; its `work/` may be filled with inputs before start(). */
  folderOf(leaseId: number): string {
    return join(this.#attempts, String(leaseId));
  }

  /**
   * Resolves when the task's process was spawned. Throws SandboxError `unsandboxed` where there
   * are no namespaces and that was not allowed, `no_shim` when the shim could not run.
   */
  async start(request: StartRequest): Promise<void> {
    const { backend, problems } = await this.selfTest();
    if (backend === 'bare' && !this.#allowUnsandboxed) {
      throw new SandboxError(
        'unsandboxed',
        `lease ${request.leaseId}: wanted a sandbox, this machine has none (${problems.join('; ')});` +
          ' install bubblewrap and allow user namespaces, or allow tasks without a sandbox',
      );
    }
    const folder = this.folderOf(request.leaseId);
    const isUsed = existsSync(join(folder, attemptFiles.shim));
    if (isUsed || readExit(folder) !== null) {
      throw new SandboxError('started_before', `lease ${request.leaseId}: was started before`);
    }
    prepareFolder(folder, request);
    writeJsonDurably(join(folder, attemptFiles.spec), { ...request, backend });
    await this.#spawnShim(request.leaseId, folder);
  }

  /** Asks the shim to end the task; its end is told through onExit as ever. */
  stop(leaseId: number, reason: StopReason): void {
    const folder = this.folderOf(leaseId);
    const shim = findShim(folder);
    if (shim === null) return;
    writeFileSync(join(folder, attemptFiles.stop), reason, { mode: 0o600 });
    signalAll([shim.pid], 'SIGTERM');
  }

  /** What an earlier agent left: running attempts are watched, vanished ones become `lost`. */
  async adopt(): Promise<readonly Adopted[]> {
    const found: Adopted[] = [];
    for (const name of readdirSync(this.#attempts)) {
      if (!/^\d+$/.test(name)) continue;
      const leaseId = Number(name);
      const folder = this.folderOf(leaseId);
      if (!existsSync(join(folder, attemptFiles.spec))) continue; // Never started.
      const isRunning = findShim(folder) !== null && readExit(folder) === null;
      if (isRunning) {
        this.#watchAdopted(leaseId, folder);
        found.push({ leaseId, state: 'running' });
      } else {
        found.push({ leaseId, state: 'exited', exit: settle(folder) });
      }
    }
    return Promise.resolve(found);
  }

  /** Last bytes of what the task printed. */
  logTail(leaseId: number): string {
    return readLogTail(this.folderOf(leaseId));
  }

  /** Deletes the folder of an attempt that ended and whose result is acknowledged. */
  remove(leaseId: number): void {
    rmSync(this.folderOf(leaseId), { recursive: true, force: true });
  }

  /** Stops watching; the shims and their tasks run on. */
  close(): void {
    for (const timer of this.#adopted.values()) clearInterval(timer);
    this.#adopted.clear();
    this.#tell = () => undefined;
  }

  async #spawnShim(leaseId: number, folder: string): Promise<void> {
    const [file = '', ...args] = this.#shimCommand;
    const errors = openSync(join(folder, 'shim.err'), 'w', 0o600);
    const shim = spawn(file, [...args, folder], {
      stdio: ['ignore', 'pipe', errors],
      detached: true,
    });
    closeSync(errors);
    // The shim must not keep a stopping agent alive, nor the reverse.
    shim.unref();
    const isStarted = await waitForStart(shim);
    shim.stdout?.destroy();
    if (!isStarted && readExit(folder) === null) {
      settle(folder);
      throw new SandboxError(
        'no_shim',
        `lease ${leaseId}: shim '${file} ${args.join(' ')}' did not start; see ${folder}/shim.err`,
      );
    }
    const finish = (): void => this.#tell(leaseId, settle(folder));
    if (shim.exitCode !== null || shim.signalCode !== null) setImmediate(finish);
    else shim.once('exit', finish);
  }

  #watchAdopted(leaseId: number, folder: string): void {
    const timer = setInterval(() => {
      if (findShim(folder) !== null) return;
      clearInterval(timer);
      this.#adopted.delete(leaseId);
      this.#tell(leaseId, settle(folder));
    }, adoptedPollMs);
    this.#adopted.set(leaseId, timer);
  }
}

/** The end of an attempt whose shim is gone; without exit.json its remains are ended as `lost`. */
function settle(folder: string): Exit {
  const exit = readExit(folder);
  if (exit !== null) return exit;
  const mark = attemptMark(folder);
  const cgroup = new CgroupV1(mark);
  for (let round = 0; round < 50; round += 1) {
    const left = pidsMarked(mark);
    signalAll(left, 'SIGKILL');
    if (cgroup.kill() && left.length === 0 && cgroup.remove()) break;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  const detail = 'the process that watched the task vanished (killed, or the node lost power)';
  const lost: Exit = {
    code: 'lost',
    exitCode: -1,
    cpuMs: 0,
    wallMs: 0,
    detail,
  };
  writeJsonDurably(join(folder, attemptFiles.exit), lost);
  return lost;
}

function prepareFolder(folder: string, request: StartRequest): void {
  assertRequest(request);
  mkdirSync(request.workPath, { recursive: true });
  chmodSync(folder, 0o711);
  const uid = taskUid(folder);
  writeFileSync(
    join(folder, attemptFiles.passwd),
    `root:x:0:0:root:/:/bin/false\ntask:x:${uid}:${uid}:task:/work:/bin/sh\n`,
  );
  writeFileSync(join(folder, attemptFiles.group), `root:x:0:\ntask:x:${uid}:\n`);
  if (request.isRootFileSystem) {
    for (const name of ['proc', 'dev', 'tmp', 'work']) {
      mkdirSync(join(request.bundlePath, name), { recursive: true });
    }
  }
  chmodSync(request.workPath, 0o700);
  if (canChangeUser) giveTo(request.workPath, uid);
}

function giveTo(path: string, uid: number): void {
  chownSync(path, uid, uid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const full = join(path, entry.name);
    if (entry.isDirectory()) giveTo(full, uid);
    else lchownSync(full, uid, uid);
  }
}

/** Our own bug if it fails: the edge validated the lease. */
function assertRequest(request: StartRequest): void {
  const isBounded = request.timeoutMs > 0 && request.timeoutMs < 2 ** 31;
  if (!isBounded || request.command.length === 0) {
    throw new SandboxError(
      'bad_attempt',
      `lease ${request.leaseId}: wanted a command and a timeout of 1 to 2147483647 ms, ` +
        `found ${request.command.length} words and ${request.timeoutMs} ms`,
    );
  }
}

/** True at the shim's first word, false when it ended or said nothing in time. */
function waitForStart(shim: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      shim.kill('SIGKILL');
      resolve(false);
    }, startWaitMs);
    const settleWith = (isStarted: boolean): void => {
      clearTimeout(timer);
      resolve(isStarted);
    };
    shim.stdout?.once('data', () => settleWith(true));
    shim.once('error', () => settleWith(false));
    shim.once('exit', () => settleWith(false));
  });
}

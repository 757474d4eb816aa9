// Stages, starts, stops and adopts the attempts of a node. Decides nothing: it is asked, and tells
// ends. The state folder must be reachable (o+x) for task users; secrets in it have mode 0600.

import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Exit } from '../../core/index.ts';
import type { StopReason } from './attempt-spec.ts';
import { attemptFiles, findShim, readExit, readSpec, SandboxError } from './attempt-spec.ts';
import { checkpointOf, keepCheckpoint } from './checkpoint.ts';
import { writeCpuPercent } from './cpu-brake.ts';
import { isDiskFull } from '../state/disk-full.ts';
import { inOwnNetwork, testOwnNetwork } from './own-network.ts';
import { testAbilities, type Abilities } from './self-test.ts';
import { discard, settle } from './settle.ts';
import { ShimProcess } from './shim-process.ts';
import { stageAttempt, type StartRequest } from './stage.ts';
import { readLogTail } from './task-log.ts';
import { signalAll } from './task-processes.ts';

export type Adopted =
  | { readonly leaseId: number; readonly state: 'running' }
  | { readonly leaseId: number; readonly state: 'exited'; readonly exit: Exit };

export interface SandboxOptions {
  readonly stateFolder: string;
  /** Runs tasks with rlimits alone where the kernel refuses namespaces: for demos only. */
  readonly allowUnsandboxed?: boolean;
  /** Command that is told an attempt's folder on stdin; default: this bundle, mode `shim`. */
  readonly shimCommand?: readonly string[];
}

const adoptedPollMs = 500;

export class Sandbox {
  readonly #attempts: string;
  readonly #checkpoints: string;
  readonly #allowUnsandboxed: boolean;
  readonly #shimCommand: readonly string[];
  readonly #errorsFile: string;
  readonly #adopted = new Map<number, NodeJS.Timeout>();
  readonly #staged = new Set<number>();
  #waiting: ShimProcess | null = null;
  #abilities: Abilities | null = null;
  #tell: (leaseId: number, exit: Exit) => void = () => undefined;

  constructor(options: SandboxOptions) {
    const state = resolve(options.stateFolder);
    this.#attempts = join(state, 'attempts');
    this.#checkpoints = join(state, 'checkpoints');
    this.#allowUnsandboxed = options.allowUnsandboxed ?? false;
    this.#shimCommand = options.shimCommand ?? [
      process.execPath,
      '--max-old-space-size=24',
      process.argv[1] ?? '',
      'shim',
    ];
    mkdirSync(this.#attempts, { recursive: true });
    mkdirSync(this.#checkpoints, { recursive: true, mode: 0o700 });
    this.#errorsFile = join(this.#attempts, 'shim.err');
    writeFileSync(this.#errorsFile, '', { mode: 0o600 });
    for (const folder of [state, this.#attempts]) {
      chmodSync(folder, (statSync(folder).mode & 0o7777) | 0o111);
    }
  }

  /** Finds what this machine can enforce by running a small hostile check; once is enough. */
  async selfTest(): Promise<Abilities> {
    this.#abilities ??= await testAbilities(this.#attempts);
    return this.#abilities;
  }

  /** Why no task can be held to a proxy here; null: it can. */
  async testInternet(): Promise<string | null> {
    const { backend } = await this.selfTest();
    return backend === 'bare' ? 'no sandbox with namespaces' : testOwnNetwork();
  }

  /** Called once for each attempt that ends after start() or was adopted as running. */
  onExit(callback: (leaseId: number, exit: Exit) => void): void {
    this.#tell = callback;
  }

  /** Folder of an attempt; its `work/` may be filled with inputs before stage(). */
  folderOf(leaseId: number): string {
    return join(this.#attempts, String(leaseId));
  }

  /** Where the checkpoint of a task lies between its attempts. */
  checkpointOf(task: { readonly jobId: string; readonly taskIndex: number }): string {
    return checkpointOf(this.#checkpoints, task);
  }

  /**
   * Puts on disk what start() needs; may be repeated. Throws SandboxError `unsandboxed` where there
   * are no namespaces and that was not allowed.
   */
  async stage(request: StartRequest): Promise<void> {
    const { backend, problems } = await this.selfTest();
    if (backend === 'bare' && !this.#allowUnsandboxed) {
      throw new SandboxError(
        'unsandboxed',
        `lease ${request.leaseId}: wanted a sandbox, this machine has none (${problems.join('; ')});` +
          ' install bubblewrap and allow user namespaces, or allow tasks without a sandbox',
      );
    }
    if (backend === 'bare' && request.isRootFileSystem) {
      throw new SandboxError(
        'unsandboxed',
        `lease ${request.leaseId}: its bundle is a root file system, which needs namespaces; ` +
          `this machine has none (${problems.join('; ')})`,
      );
    }
    if (backend === 'bare' && request.internetBytes !== undefined) {
      throw new SandboxError(
        'unsandboxed',
        `lease ${request.leaseId}: without namespaces its task would reach the home's network, not the internet alone`,
      );
    }
    const folder = this.folderOf(request.leaseId);
    this.#assertUnstarted(request.leaseId);
    stageAttempt(folder, request, backend);
    this.#staged.add(request.leaseId);
    this.#keepShim();
  }

  /**
   * Starts a staged attempt; resolves when the task's process was spawned, with false when it was
   * not: why is told through onExit, as every end.
   */
  async start(leaseId: number): Promise<boolean> {
    this.#assertUnstarted(leaseId);
    const folder = this.folderOf(leaseId);
    const shim = this.#takeShim(readSpec(folder).internetBytes !== undefined);
    this.#staged.delete(leaseId);
    const finish = once(() => {
      settle(folder).then(
        (exit) => this.#tell(leaseId, exit),
        // Its folder was removed under it: nobody waits for this end.
        () => undefined,
      );
    });
    const isStarted = await shim.begin(folder, finish);
    this.#keepShim();
    return isStarted;
  }

  /** Asks the shim to end the task; its end is told through onExit as ever. */
  stop(leaseId: number, { code, detail }: StopReason): void {
    const folder = this.folderOf(leaseId);
    if (!existsSync(folder)) return;
    try {
      // A shim that is not up yet finds the file.
      writeFileSync(join(folder, attemptFiles.stop), JSON.stringify({ code, detail }));
    } catch (error) {
      // It ends without its reason.
      if (!isDiskFull(error)) throw error;
    }
    const shim = findShim(folder);
    if (shim !== null) signalAll([shim.pid], 'SIGTERM');
  }

  /**
   * What an earlier agent left: running attempts are watched, vanished ones become `lost`, those
   * that never started are removed.
   */
  async adopt(): Promise<readonly Adopted[]> {
    const found: Adopted[] = [];
    for (const name of readdirSync(this.#attempts)) {
      // What an agent that was killed had no time to remove.
      if (/^(unstarted|self-test)-/.test(name)) {
        keepCheckpoint(join(this.#attempts, name));
        await rm(join(this.#attempts, name), { recursive: true, force: true });
      }
      if (!/^\d+$/.test(name)) continue;
      const leaseId = Number(name);
      const folder = this.folderOf(leaseId);
      const wasStarted = existsSync(join(folder, attemptFiles.shim)) || readExit(folder) !== null;
      if (!wasStarted && (await discard(folder))) {
        this.#staged.delete(leaseId);
        continue;
      }
      if (findShim(folder) !== null && readExit(folder) === null) {
        this.#watchAdopted(leaseId, folder);
        found.push({ leaseId, state: 'running' });
      } else {
        found.push({ leaseId, state: 'exited', exit: await settle(folder) });
      }
    }
    this.#keepShim();
    return found;
  }

  /** Holds each task, running ones too, to so much of a core: from 1 to 100 percent; with 0 all are frozen. */
  holdCpu(percent: number): void {
    writeCpuPercent(this.#attempts, percent);
  }

  /** Last bytes of what the task printed. */
  logTail(leaseId: number): string {
    return readLogTail(this.folderOf(leaseId));
  }

  /** Deletes the folder of an attempt that nobody waits for any more. */
  async remove(leaseId: number): Promise<void> {
    this.#staged.delete(leaseId);
    this.#keepShim();
    keepCheckpoint(this.folderOf(leaseId));
    await rm(this.folderOf(leaseId), { recursive: true, force: true, maxRetries: 3 });
  }

  /** Stops watching; the shims and their tasks run on. */
  close(): void {
    for (const timer of this.#adopted.values()) clearInterval(timer);
    this.#adopted.clear();
    this.#waiting?.discard();
    this.#waiting = null;
    this.#tell = () => undefined;
  }

  #assertUnstarted(leaseId: number): void {
    const folder = this.folderOf(leaseId);
    if (!existsSync(join(folder, attemptFiles.shim)) && readExit(folder) === null) return;
    throw new SandboxError('started_before', `lease ${leaseId}: was started before`);
  }

  /** The one in waiting, or a new one; one with a network of its own has to be started so. */
  #takeShim(hasOwnNetwork: boolean): ShimProcess {
    if (hasOwnNetwork) return new ShimProcess(inOwnNetwork(this.#shimCommand), this.#errorsFile);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null && !waiting.hasEnded) return waiting;
    return new ShimProcess(this.#shimCommand, this.#errorsFile);
  }

  /** Node takes long to start on a Pi: while something is staged, a shim is up and waits for it. */
  #keepShim(): void {
    if (this.#staged.size > 0) {
      this.#waiting ??= new ShimProcess(this.#shimCommand, this.#errorsFile);
    } else {
      this.#waiting?.discard();
      this.#waiting = null;
    }
  }

  #watchAdopted(leaseId: number, folder: string): void {
    const timer = setInterval(() => {
      if (readExit(folder) === null && findShim(folder) !== null) return;
      clearInterval(timer);
      this.#adopted.delete(leaseId);
      void settle(folder).then((exit) => this.#tell(leaseId, exit));
    }, adoptedPollMs);
    this.#adopted.set(leaseId, timer);
  }
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

// Carries out what the agent's core decides: fetches, starts, collects, sends, says. Each answer
// goes back as a command; what fails is judged there.

import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeLease } from './attempts/attempt-record.ts';
import type { Results } from './attempts/results.ts';
import type { BlobClient } from './blobs/blob-client.ts';
import { BlobClientError } from './blobs/blob-client.ts';
import type { Coming, DiskRoom } from './blobs/disk-room.ts';
import { copiesOf } from './blobs/disk-room.ts';
import type { Internet } from './internet/internet.ts';
import type { TaskSockets } from './messages/task-sockets.ts';
import { SandboxError } from './sandbox/attempt-spec.ts';
import { isDiskFull } from './state/disk-full.ts';
import type { History } from './owner/history.ts';
import type { Bundles } from './sandbox/bundles.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import type { SiteExchange } from './exchange/site-exchange.ts';
import type { KeptOutputs } from './kept/kept-outputs.ts';
import type { BlobGrant, Command, Effect, Exit, Lease, SayPart } from '../core/index.ts';
import type { EffectSink } from '../ports.ts';

/** Processes of one task. */
const maxProcesses = 64;

export interface EdgeOptions {
  readonly sandbox: Sandbox;
  readonly blobs: BlobClient;
  readonly exchange: Pick<SiteExchange, 'bring' | 'offer'>;
  /** Outputs of other tasks, which nodes of the site keep. */
  readonly kept: Pick<KeptOutputs, 'bring'>;
  readonly bundles: Bundles;
  readonly results: Results;
  /** The node's running time. */
  readonly nowMs: () => number;
  readonly room: Pick<DiskRoom, 'take' | 'trim'>;
  readonly post: (command: Command) => void;
  readonly say: (parts: readonly SayPart[]) => void;
  readonly onQuarantined: () => void;
  /** Whether the owner's month has bytes left for blobs. */
  readonly mayTransfer: () => boolean;
  readonly onAllotted: (bytes: number) => void;
  readonly history: History;
  readonly sockets: Pick<TaskSockets, 'open' | 'close'>;
  readonly internet: Pick<Internet, 'open' | 'close'>;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class Edge implements EffectSink {
  readonly #options: EdgeOptions;
  /** What is under way for a lease ends when the lease is forgotten. */
  readonly #underWay = new Map<number, AbortController>();

  constructor(options: EdgeOptions) {
    this.#options = options;
    options.sandbox.onExit((leaseId, exit) => options.post({ kind: 'exited', leaseId, exit }));
  }

  carryOut(effects: readonly Effect[]): void {
    const parts: SayPart[] = [];
    for (const effect of effects) {
      if (effect.kind === 'say') parts.push(effect.part);
      else this.#carry(effect);
    }
    if (parts.length > 0) this.#options.say(parts);
  }

  #carry(effect: Exclude<Effect, { kind: 'say' }>): void {
    const { sandbox } = this.#options;
    switch (effect.kind) {
      case 'measureInputs':
        return this.#run(effect.lease.leaseId, () => this.#measure(effect.lease));
      case 'fetch':
        return this.#run(effect.lease.leaseId, () => this.#fetch(effect.lease));
      case 'start':
        return this.#run(effect.lease.leaseId, () => this.#start(effect.lease));
      case 'stop':
        return sandbox.stop(effect.leaseId, effect);
      case 'collect':
        return this.#run(effect.lease.leaseId, () => this.#collect(effect.lease, effect.exit));
      case 'upload':
        return this.#run(effect.lease.leaseId, () => this.#upload(effect.lease));
      case 'forget':
        return this.#run(effect.leaseId, () => this.#forget(effect.leaseId));
      case 'allot':
        return this.#options.onAllotted(effect.bytes);
      case 'quarantined':
        return this.#options.onQuarantined();
    }
  }

  /** The one place where an unexpected failure of a step is told. */
  #run(leaseId: number, step: () => Promise<void>): void {
    step().catch((error: unknown) => {
      this.#options.log('step failed', { lease: leaseId, error: String(error) });
    });
  }

  #signalOf(leaseId: number): AbortSignal {
    const controller = this.#underWay.get(leaseId) ?? new AbortController();
    this.#underWay.set(leaseId, controller);
    return controller.signal;
  }

  /** What the site exchanges comes first: while it waits, the line's places are for who brings it. */
  async #measure(lease: Lease): Promise<void> {
    const { blobs, kept, post } = this.#options;
    const { leaseId } = lease;
    const signal = this.#signalOf(leaseId);
    const all = [lease.bundle, ...lease.inputs];
    try {
      await Promise.all(all.map((blob) => this.#bringShared(blob, signal)));
      for (const input of lease.inputs) {
        if (input.keeper !== undefined) await kept.bring(input, input.keeper, signal);
      }
      post({ kind: 'inputsMeasured', leaseId, missingBytes: await blobs.missingBytes(all) });
    } catch (error) {
      if (signal.aborted) return;
      this.#failed(leaseId, error);
      if (isDiskFull(error)) await this.#options.room.trim();
    }
  }

  /** What is not exchanged after all is fetched as any other. */
  async #bringShared(blob: BlobGrant, signal: AbortSignal): Promise<void> {
    const { blobs, exchange, room } = this.#options;
    if (blob.isShared !== true) return;
    if (await blobs.isHere(blob)) return await exchange.offer(blob);
    this.#checkMonth();
    const letGo = await room.take(`blob ${blob.sha256}`, [blobs.comingOf(blob)]);
    try {
      await exchange.bring(blob, signal);
    } finally {
      letGo();
    }
  }

  #failed(leaseId: number, error: unknown): void {
    const isFinal =
      error instanceof BlobClientError ? error.isFinal : error instanceof SandboxError;
    const detail = error instanceof Error ? error.message : String(error);
    this.#options.post({ kind: 'fetchFailed', leaseId, detail, isFinal });
  }

  async #fetch(lease: Lease): Promise<void> {
    const { blobs, bundles, post, room } = this.#options;
    const { leaseId } = lease;
    const signal = this.#signalOf(leaseId);
    let letGo = (): void => undefined;
    try {
      this.#checkMonth();
      letGo = await room.take(`task ${lease.taskIndex} of ${lease.jobName}`, this.#comingOf(lease));
      await bundles.unpack(await blobs.fetch(lease.bundle, signal), lease.bundle.sha256);
      for (const input of lease.inputs) await blobs.fetch(input, signal);
      await this.#stage(lease, signal);
      post({ kind: 'fetched', leaseId });
    } catch (error) {
      // What is half there would keep a full disk full.
      if (signal.aborted || isDiskFull(error)) await this.#remove(leaseId);
      if (signal.aborted) return;
      this.#failed(leaseId, error);
    } finally {
      letGo();
    }
    await room.trim();
  }

  /** Its blobs and its unpacked bundle, once for all leases that wait for them, and its own copies of inputs. */
  #comingOf({ leaseId, bundle, inputs }: Lease): readonly Coming[] {
    const { blobs, bundles, sandbox } = this.#options;
    const [key, sizeBytes] = [`unpacked ${bundle.sha256}`, bundle.sizeBytes];
    // Nobody knows what it is unpacked; most are not packed small.
    const unpacked = {
      key,
      sizeBytes,
      hereBytes: () => (bundles.has(bundle.sha256) ? sizeBytes : 0),
    };
    const workPath = join(sandbox.folderOf(leaseId), 'work');
    const files = inputs.map(({ path, ...each }) => ({ ...each, file: join(workPath, path) }));
    const copies = copiesOf(`inputs of ${leaseId}`, files);
    return [...[bundle, ...inputs].map((blob) => blobs.comingOf(blob)), unpacked, copies];
  }

  /** Fills the work folder: copies, since a task may write to what it finds there. */
  async #stage(lease: Lease, signal: AbortSignal): Promise<void> {
    const { sandbox, blobs, bundles, sockets, internet } = this.#options;
    const { leaseId, command, environment, isRootFileSystem, hasSocket } = lease;
    const folder = sandbox.folderOf(leaseId);
    const workPath = join(folder, 'work');
    await mkdir(workPath, { recursive: true });
    for (const input of lease.inputs) {
      const target = join(workPath, input.path);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(blobs.fileOf(input.sha256), target);
    }
    if (hasSocket) await sockets.open(leaseId, folder);
    await internet.open(lease, folder);
    writeLease(folder, { lease, takenAtMs: this.#options.nowMs() });
    await sandbox.stage({
      ...{ leaseId, command, environment, isRootFileSystem, maxProcesses, workPath, hasSocket },
      bundlePath: bundles.folderOf(lease.bundle.sha256),
      checkpointPath: lease.keepsCheckpoint ? sandbox.checkpointOf(lease) : null,
      timeoutMs: lease.timeoutMs,
      memoryBytes: lease.memoryBytes,
      diskBytes: lease.diskBytes,
      ...(lease.internet !== undefined && { internetBytes: lease.internet.maxBytes }),
    });
    signal.throwIfAborted();
  }

  async #start({ leaseId }: Lease): Promise<void> {
    const { sandbox, post } = this.#options;
    try {
      if (await sandbox.start(leaseId)) post({ kind: 'started', leaseId });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const exit: Exit = { code: 'not_started', exitCode: 0, cpuMs: 0, wallMs: 0, detail };
      post({ kind: 'exited', leaseId, exit });
    }
  }

  async #collect(lease: Lease, exit: Exit): Promise<void> {
    const { results, post, log, history, sockets, internet } = this.#options;
    const { leaseId } = lease;
    history.ended(lease, exit, Date.now());
    sockets.close(leaseId);
    internet.close(leaseId);
    try {
      post({ kind: 'collected', leaseId, ...(await results.collect(lease, exit)) });
    } catch (error) {
      log('result not collected', { lease: leaseId, error: String(error) });
      post({ kind: 'collectFailed', leaseId });
    }
  }

  async #upload(lease: Lease): Promise<void> {
    const { results, post, log } = this.#options;
    const { leaseId } = lease;
    const signal = this.#signalOf(leaseId);
    try {
      this.#checkMonth();
      await results.send(lease, signal);
      post({ kind: 'uploaded', leaseId });
    } catch (error) {
      if (signal.aborted) return;
      const detail = error instanceof Error ? error.message : String(error);
      log('result not sent', { lease: leaseId, error: detail });
      post({ kind: 'uploadFailed', leaseId, detail });
    }
  }

  /** It is tried again, and a result is kept until the next month has bytes for it. */
  #checkMonth(): void {
    if (this.#options.mayTransfer()) return;
    throw new Error("its owner's bytes of this month are used up");
  }

  async #forget(leaseId: number): Promise<void> {
    const { results, history } = this.#options;
    this.#underWay.get(leaseId)?.abort();
    this.#underWay.delete(leaseId);
    results.forget(leaseId);
    history.forget(leaseId);
    await this.#remove(leaseId);
  }

  async #remove(leaseId: number): Promise<void> {
    this.#options.sockets.close(leaseId);
    this.#options.internet.close(leaseId);
    await this.#options.sandbox.remove(leaseId);
  }
}

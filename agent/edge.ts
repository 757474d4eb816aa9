// Carries out what the agent's core decides: fetches, starts, collects, sends, says. Each answer
// goes back as a command; what fails is judged there.

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { AttemptResult } from '../proto/gen/punnet/v1/job.ts';
import { AttemptResult as AttemptResultMessage } from '../proto/gen/punnet/v1/job.ts';
import type { BlobClient } from './adapters/blobs/blob-client.ts';
import { BlobClientError } from './adapters/blobs/blob-client.ts';
import { writeJsonDurably } from './adapters/sandbox/attempt-spec.ts';
import { collectOutputs } from './adapters/sandbox/collect.ts';
import type { Bundles } from './adapters/sandbox/bundles.ts';
import type { Sandbox } from './adapters/sandbox/sandbox.ts';
import type { AdoptedAttempt, Command, Effect, Exit, Lease, SayPart } from './core/index.ts';
import type { EffectSink } from './ports.ts';

/** Processes of one task. */
const maxProcesses = 64;

export interface EdgeOptions {
  readonly sandbox: Sandbox;
  readonly blobs: BlobClient;
  readonly bundles: Bundles;
  readonly post: (command: Command) => void;
  readonly say: (parts: readonly SayPart[]) => void;
  readonly onQuarantined: () => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class Edge implements EffectSink {
  readonly #options: EdgeOptions;
  /** Files of the results under way: blob → file. */
  readonly #results = new Map<number, readonly Upload[]>();

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
    const { sandbox, log } = this.#options;
    switch (effect.kind) {
      case 'measureInputs':
        return this.#run(effect.lease.leaseId, () => this.#measure(effect.lease));
      case 'fetch':
        return this.#run(effect.lease.leaseId, () => this.#fetch(effect.lease));
      case 'start':
        return this.#run(effect.lease.leaseId, () => this.#start(effect.lease));
      case 'stop':
        return sandbox.stop(effect.leaseId, effect.code);
      case 'collect':
        return this.#run(effect.lease.leaseId, () => this.#collect(effect.lease, effect.exit));
      case 'upload':
        return this.#run(effect.lease.leaseId, () => this.#upload(effect.lease));
      case 'forget':
        this.#results.delete(effect.leaseId);
        return this.#run(effect.leaseId, () => sandbox.remove(effect.leaseId));
      case 'quarantined':
        log('quarantined', { reason: 'two agents have this identity: enrol this node again' });
        return this.#options.onQuarantined();
    }
  }

  /** The one place where an unexpected failure of a step is told; the core's back-off goes on. */
  #run(leaseId: number, step: () => Promise<void>): void {
    step().catch((error: unknown) => {
      this.#options.log('step failed', { lease: leaseId, error: String(error) });
    });
  }

  async #measure(lease: Lease): Promise<void> {
    const missingBytes = await this.#options.blobs.missingBytes([lease.bundle, ...lease.inputs]);
    this.#options.post({ kind: 'inputsMeasured', leaseId: lease.leaseId, missingBytes });
  }

  async #fetch(lease: Lease): Promise<void> {
    const { blobs, bundles, post } = this.#options;
    const { leaseId } = lease;
    try {
      await bundles.unpack(await blobs.fetch(lease.bundle), lease.bundle.sha256);
      for (const input of lease.inputs) await blobs.fetch(input);
      await this.#prepare(lease);
      post({ kind: 'fetched', leaseId });
    } catch (error) {
      const isFinal = error instanceof BlobClientError ? error.isFinal : isBadBundle(error);
      const detail = error instanceof Error ? error.message : String(error);
      post({ kind: 'fetchFailed', leaseId, detail, isFinal });
    }
  }

  /** Fills the work folder: copies, since a task may write to what it finds there. */
  async #prepare(lease: Lease): Promise<void> {
    const { sandbox, blobs, bundles } = this.#options;
    const { leaseId, command, environment, isRootFileSystem } = lease;
    const folder = sandbox.folderOf(leaseId);
    const workPath = join(folder, 'work');
    await mkdir(workPath, { recursive: true });
    for (const input of lease.inputs) {
      const target = join(workPath, input.path);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(blobs.fileOf(input.sha256), target);
    }
    writeJsonDurably(join(folder, 'lease.json'), lease);
    await sandbox.stage({
      ...{ leaseId, command, environment, isRootFileSystem, maxProcesses, workPath },
      bundlePath: bundles.folderOf(lease.bundle.sha256),
      timeoutMs: lease.timeoutMs,
      memoryBytes: lease.memoryBytes,
      diskBytes: lease.diskBytes,
    });
  }

  async #start(lease: Lease): Promise<void> {
    const { sandbox, post } = this.#options;
    const { leaseId } = lease;
    try {
      await sandbox.start(leaseId);
      post({ kind: 'started', leaseId });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const exit: Exit = { code: 'not_started', exitCode: 0, cpuMs: 0, wallMs: 0, detail };
      post({ kind: 'exited', leaseId, exit });
    }
  }

  /** Names and hashes what the attempt left: its outputs, and a result with the log's tail. */
  async #collect(lease: Lease, exit: Exit): Promise<void> {
    const { leaseId } = lease;
    const collected = await this.#outputs(lease, exit);
    const files: Upload[] = collected.files;
    const log = this.#options.sandbox.logTail(leaseId);
    const isEmpty = files.length === 0 && log === '' && collected.exit.code === 'succeeded';
    if (isEmpty) {
      const nothing = { exit: collected.exit, result: null, sizeBytes: 0 };
      return this.#options.post({ kind: 'collected', leaseId, ...nothing });
    }
    const message: AttemptResult = {
      outputs: files.map(({ path, sha256, sizeBytes }) => ({ path, blob: { sha256, sizeBytes } })),
      logTail: Buffer.from(log),
      detail: collected.exit.detail,
    };
    const bytes = AttemptResultMessage.encode(message).finish();
    const file = join(this.#options.sandbox.folderOf(leaseId), 'result.bin');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { mode: 0o600 });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const result = { sha256, sizeBytes: bytes.length };
    this.#results.set(leaseId, [...files, { path: '', file, ...result }]);
    const sizeBytes = files.reduce((sum, each) => sum + each.sizeBytes, bytes.length);
    this.#options.post({ kind: 'collected', leaseId, exit: collected.exit, result, sizeBytes });
  }

  async #outputs(lease: Lease, exit: Exit): Promise<{ exit: Exit; files: Upload[] }> {
    if (exit.code !== 'succeeded') return { exit, files: [] };
    const work = join(this.#options.sandbox.folderOf(lease.leaseId), 'work');
    const found = await collectOutputs(work, lease.outputs, lease.diskBytes);
    if (found.kind === 'bad_output') {
      return { exit: { ...exit, code: 'bad_output', detail: found.detail }, files: [] };
    }
    const files = found.outputs.map(({ absolutePath, ...output }) => ({
      ...output,
      file: absolutePath,
    }));
    return { exit, files };
  }

  async #upload(lease: Lease): Promise<void> {
    const { blobs, post } = this.#options;
    const { leaseId } = lease;
    try {
      for (const { file, sha256, sizeBytes } of this.#results.get(leaseId) ?? []) {
        await blobs.upload({ sha256, sizeBytes }, file, lease.uploadCapability);
      }
      post({ kind: 'uploaded', leaseId });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#options.log('result not sent', { lease: leaseId, error: detail });
      post({ kind: 'uploadFailed', leaseId, detail });
    }
  }
}

interface Upload {
  readonly path: string;
  readonly file: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

function isBadBundle(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'bad_bundle';
}

/** What the last agent left on disk, as the core wants it. Folders without a lease are removed. */
export async function adoptAttempts(sandbox: Sandbox): Promise<readonly AdoptedAttempt[]> {
  const adopted: AdoptedAttempt[] = [];
  for (const { leaseId, state, exit } of await sandbox.adopt()) {
    const file = join(sandbox.folderOf(leaseId), 'lease.json');
    if (!existsSync(file)) {
      rmSync(sandbox.folderOf(leaseId), { recursive: true, force: true });
      continue;
    }
    // Written by this program only, whole or not at all.
    const lease = JSON.parse(readFileSync(file, 'utf8')) as Lease;
    if (state === 'running') adopted.push({ lease, phase: 'running' });
    else if (exit !== undefined) adopted.push({ lease, phase: 'exited', exit });
  }
  return adopted;
}

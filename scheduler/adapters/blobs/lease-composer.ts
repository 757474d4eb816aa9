// Makes the message of a lease: the task's command with its placeholders filled in, the blobs that
// it needs with the right to fetch them, and the right to send its results.

import type { BlobGrant, LeaseGrant } from '../../../proto/gen/punnet/v1/agent.ts';
import type { TaskEntry } from '../../../proto/gen/punnet/v1/job.ts';
import { TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import type { BlobRef, Effect, LeaseContext, View } from '../../core/index.ts';
import { bestBundle, renderTemplate } from '../../core/index.ts';
import type { BlobStore } from './blob-store.ts';
import type { CapabilitySigner } from './capability.ts';

type GrantEffect = Extract<Effect, { kind: 'grant' }>;

/** Inputs may be fetched for a day; results are kept on a node for a month after their task, which
 * may have been staged for a day. */
const readSpanMs = 24 * 3_600_000;
const writeSpanMs = 32 * 24 * 3_600_000;
/** The result's own blob, beside the outputs. */
const resultBytes = 1_000_000;
const maxManifestBytes = 256 * 1024 * 1024;
const manifestsKept = 8;
/** About 10 MB; beyond it all are signed anew. */
const rightsKept = 20_000;

export interface LeaseComposerOptions {
  readonly blobs: BlobStore;
  readonly signer: CapabilitySigner;
  readonly view: () => View;
  readonly now: () => number;
}

export class LeaseComposer {
  readonly #options: LeaseComposerOptions;
  /** The manifests used last; a promise while one is read, so that a hundred leases read it once. */
  readonly #manifests = new Map<string, readonly TaskEntry[] | Promise<readonly TaskEntry[]>>();
  /** Rights to read what all tasks of a job share: to sign one takes longer than all else here. */
  readonly #rights = new Map<string, { readonly text: string; readonly expiresUnixMs: number }>();

  constructor(options: LeaseComposerOptions) {
    this.#options = options;
  }

  /**
   * At once, so that it goes in one message with what else its node is told; a promise only while
   * the manifest is read. undefined: the job or the node is gone, and nobody needs the lease.
   */
  compose(effect: GrantEffect): LeaseGrant | undefined | Promise<LeaseGrant | undefined> {
    const context = this.#options.view().leaseContext(effect.jobId, effect.nodeId);
    if (context === undefined) return undefined;
    const { manifest } = context.template;
    if (manifest === null) return this.#grant(effect, context, undefined);
    const entries = this.#manifest(manifest);
    const withOwn = (tasks: readonly TaskEntry[]): LeaseGrant | undefined =>
      this.#grant(effect, context, inputOf(tasks, manifest, effect.taskIndex));
    return entries instanceof Promise ? entries.then(withOwn) : withOwn(entries);
  }

  #grant(
    effect: GrantEffect,
    { template, researcher, architecture }: LeaseContext,
    own: OwnInput | undefined,
  ): LeaseGrant | undefined {
    const bundle = bestBundle(architecture, template.bundles);
    if (bundle === undefined) return undefined;
    const values = { index: effect.taskIndex, input: own?.path ?? null };
    const inputs = template.sharedInputs.map((each) => ({
      path: each.path,
      blob: this.#shared(effect, each),
    }));
    if (own !== undefined) inputs.push({ path: own.path, blob: this.#readable(effect, own) });
    return {
      leaseId: effect.leaseId,
      jobId: effect.jobId,
      jobName: template.name,
      researcher,
      taskIndex: effect.taskIndex,
      command: template.command.map((word) => renderTemplate(word, values)),
      environment: { ...template.environment },
      bundle: this.#shared(effect, bundle),
      isRootFileSystem: bundle.isRootFileSystem,
      inputs,
      outputs: template.outputs.map((path) => renderTemplate(path, values)),
      timeoutMs: template.timeoutMs,
      memoryBytes: template.memoryBytes,
      diskBytes: template.diskBytes,
      uploadCapability: this.#options.signer.sign({
        kind: 'put',
        nodeId: effect.nodeId,
        leaseId: effect.leaseId,
        maxBytes: template.diskBytes + resultBytes,
        expiresUnixMs: this.#options.now() + template.timeoutMs + writeSpanMs,
      }),
    };
  }

  #shared({ nodeId }: GrantEffect, { sha256, sizeBytes }: BlobRef): BlobGrant {
    const key = `${nodeId} ${sha256}`;
    const now = this.#options.now();
    let right = this.#rights.get(key);
    if (right === undefined || right.expiresUnixMs - now < readSpanMs / 2) {
      const expiresUnixMs = now + readSpanMs;
      const capability = { kind: 'get', nodeId, sha256, expiresUnixMs } as const;
      right = { text: this.#options.signer.sign(capability), expiresUnixMs };
      if (this.#rights.size >= rightsKept) this.#rights.clear();
      this.#rights.set(key, right);
    }
    return { blob: { sha256, sizeBytes }, capability: right.text };
  }

  #readable({ nodeId }: GrantEffect, { sha256, sizeBytes }: BlobRef): BlobGrant {
    const expiresUnixMs = this.#options.now() + readSpanMs;
    const capability = this.#options.signer.sign({ kind: 'get', nodeId, sha256, expiresUnixMs });
    return { blob: { sha256, sizeBytes }, capability };
  }

  #manifest(ref: BlobRef): readonly TaskEntry[] | Promise<readonly TaskEntry[]> {
    const known = this.#manifests.get(ref.sha256);
    if (known !== undefined) return known;
    const reading = this.#read(ref);
    this.#manifests.set(ref.sha256, reading);
    const [oldest] = this.#manifests.keys();
    if (this.#manifests.size > manifestsKept && oldest !== undefined)
      this.#manifests.delete(oldest);
    return reading;
  }

  async #read(ref: BlobRef): Promise<readonly TaskEntry[]> {
    try {
      const bytes = await this.#options.blobs.readBytes(ref.sha256, maxManifestBytes);
      const { tasks } = TaskManifest.decode(bytes);
      if (this.#manifests.has(ref.sha256)) this.#manifests.set(ref.sha256, tasks);
      return tasks;
    } catch (error) {
      this.#manifests.delete(ref.sha256);
      throw error;
    }
  }
}

type OwnInput = BlobRef & { readonly path: string };

function inputOf(tasks: readonly TaskEntry[], manifest: BlobRef, index: number): OwnInput {
  const entry = tasks[index];
  if (entry?.blob === undefined)
    throw new Error(`manifest ${manifest.sha256} has no task ${index}`);
  // The manifest was checked when the job was submitted.
  return { path: entry.path, ...(entry.blob as BlobRef) };
}

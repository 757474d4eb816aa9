// Makes the message of a lease: the task's command with its placeholders filled in, the blobs that
// it needs with the right to fetch them, and the right to send its results.

import type { BlobGrant, LeaseGrant } from '../../../proto/gen/punnet/v1/agent.ts';
import type { TaskEntry } from '../../../proto/gen/punnet/v1/job.ts';
import { TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import type { BlobRef, Effect, JobTemplate, View } from '../../core/index.ts';
import { bestBundle, renderTemplate } from '../../core/index.ts';
import type { BlobStore } from './blob-store.ts';
import type { CapabilitySigner } from './capability.ts';

type GrantEffect = Extract<Effect, { kind: 'grant' }>;

/** Inputs may be fetched for a day; results of a node that was away may come for a month. */
const readSpanMs = 24 * 3_600_000;
const writeSpanMs = 30 * 24 * 3_600_000;
/** The result's own blob, beside the outputs. */
const resultBytes = 1_000_000;
const maxManifestBytes = 256 * 1024 * 1024;
const manifestsKept = 8;

export class LeaseComposer {
  readonly #options: LeaseComposerOptions;
  /** The manifests used last; a promise, so that a hundred leases read one once. */
  readonly #manifests = new Map<string, Promise<readonly TaskEntry[]>>();

  constructor(options: LeaseComposerOptions) {
    this.#options = options;
  }

  /** undefined: the job or the node is gone, and nobody needs the lease. */
  async compose(effect: GrantEffect): Promise<LeaseGrant | undefined> {
    const view = this.#options.view();
    const job = view.job(effect.jobId);
    const node = view.node(effect.nodeId);
    if (job === undefined || node === undefined) return undefined;
    const { template } = job;
    const bundle = bestBundle(node.inventory.architecture, template.bundles);
    if (bundle === undefined) return undefined;
    const own = await this.#inputOf(template, effect.taskIndex);
    const values = { index: effect.taskIndex, input: own?.path ?? null };
    const grant = (blob: BlobRef): BlobGrant => this.#readable(effect, blob);
    const inputs = template.sharedInputs.map((each) => ({ path: each.path, blob: grant(each) }));
    if (own !== undefined) inputs.push(own.with(grant));
    return {
      leaseId: effect.leaseId,
      jobId: effect.jobId,
      jobName: template.name,
      researcher: job.researcher,
      taskIndex: effect.taskIndex,
      command: template.command.map((word) => renderTemplate(word, values)),
      environment: { ...template.environment },
      bundle: grant(bundle),
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
        expiresUnixMs: this.#options.now() + writeSpanMs,
      }),
    };
  }

  #readable({ nodeId }: GrantEffect, { sha256, sizeBytes }: BlobRef): BlobGrant {
    const expiresUnixMs = this.#options.now() + readSpanMs;
    const capability = this.#options.signer.sign({ kind: 'get', nodeId, sha256, expiresUnixMs });
    return { blob: { sha256, sizeBytes }, capability };
  }

  async #inputOf(template: JobTemplate, index: number) {
    if (template.manifest === null) return undefined;
    const entry = (await this.#manifest(template.manifest))[index];
    const blob = entry?.blob;
    if (entry === undefined || blob === undefined) {
      throw new Error(`manifest ${template.manifest.sha256} has no task ${index}`);
    }
    const { path } = entry;
    // The manifest was checked when the job was submitted.
    return {
      path,
      with: (grant: (ref: BlobRef) => BlobGrant) => ({ path, blob: grant(blob as BlobRef) }),
    };
  }

  #manifest(ref: BlobRef): Promise<readonly TaskEntry[]> {
    const known = this.#manifests.get(ref.sha256);
    if (known !== undefined) return known;
    const reading = this.#options.blobs
      .readBytes(ref.sha256, maxManifestBytes)
      .then((bytes) => TaskManifest.decode(bytes).tasks);
    reading.catch(() => this.#manifests.delete(ref.sha256));
    this.#manifests.set(ref.sha256, reading);
    const [oldest] = this.#manifests.keys();
    if (this.#manifests.size > manifestsKept && oldest !== undefined)
      this.#manifests.delete(oldest);
    return reading;
  }
}

export interface LeaseComposerOptions {
  readonly blobs: BlobStore;
  readonly signer: CapabilitySigner;
  readonly view: () => View;
  readonly now: () => number;
}

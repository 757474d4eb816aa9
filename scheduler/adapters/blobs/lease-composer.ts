// Makes the message of a lease: the task's command with its placeholders filled in, the blobs that
// it needs with the right to fetch them, and the right to send its results.

import type {
  BlobGrant,
  GrantedInput,
  InternetUse,
  LeaseGrant,
} from '../../../proto/gen/punnet/v1/agent.ts';
import type { BlobRef as ProtoBlobRef } from '../../../proto/gen/punnet/v1/common.ts';
import type { TaskEntry } from '../../../proto/gen/punnet/v1/job.ts';
import type { BlobRef, Effect, JobTemplate, LeaseContext, NodeId, View } from '../../core/index.ts';
import { bestBundle, isExchanged, noRates, renderTemplate, rowOf } from '../../core/index.ts';
import type { CapabilitySigner, Scope } from './capability.ts';
import type { Manifest, Manifests } from './manifests.ts';

type GrantEffect = Extract<Effect, { kind: 'grant' }>;

const dayMs = 24 * 3_600_000;
/** Inputs may be fetched for a day. */
const readSpanMs = dayMs;
/** Results are kept on a node for a month after their task, which may have been staged for a day. */
const writeSpanMs = 32 * dayMs;
/** The result's own blob, beside the outputs. */
const resultBytes = 1_000_000;
/** About 10 MB; beyond it those that were wanted first are signed anew. */
const rightsKept = 20_000;

interface Right {
  readonly text: string;
  readonly expiresUnixMs: number;
}

/** What a right is for, and how long it lasts at least and beyond. */
interface WantedRight {
  readonly what: string;
  readonly scope: Scope;
  readonly atLeastMs: number;
  readonly spareMs: number;
}

export interface LeaseComposerOptions {
  readonly manifests: Manifests;
  readonly signer: CapabilitySigner;
  readonly view: () => View;
  readonly now: () => number;
}

/** A replica may run for years: its right ends with its lease. */
function runSpanMs({ service, timeoutMs }: JobTemplate): number {
  return service === null ? timeoutMs : 3_650 * dayMs;
}

function bytesToSend({ outputs, diskBytes }: JobTemplate): number {
  return (outputs.length > 0 ? diskBytes : 0) + resultBytes;
}

/** So often what its job declares ends an attempt. */
const internetFactor = 2;

function internetUseOf({
  network,
  internetBytes = 0,
  service,
}: JobTemplate): InternetUse | undefined {
  if (network !== 'internet') return undefined;
  const { downBps, upBps } = service?.rates ?? noRates;
  return { maxBytes: internetFactor * internetBytes, downBps, upBps };
}

export class LeaseComposer {
  readonly #options: LeaseComposerOptions;
  /** Rights that all tasks of a job share on a node, by what they are for: to sign one takes longer than all else here. */
  readonly #rights = new Map<string, Map<NodeId, Right>>();
  #rightsKept = 0;

  constructor(options: LeaseComposerOptions) {
    this.#options = options;
  }

  /**
   * At once, so that it goes in one message with what else its node is told; a promise only while
   * the manifest is read. undefined: the job or the node is gone, and nobody needs the lease.
   */
  compose(effect: GrantEffect): LeaseGrant | undefined | Promise<LeaseGrant | undefined> {
    const context = this.#options.view().leaseContext(effect);
    if (context === undefined) return undefined;
    const { manifest } = context.template;
    if (manifest === null) return this.#grant(effect, context, undefined);
    const list = this.#options.manifests.get(manifest.sha256);
    const withOwn = (tasks: Manifest): LeaseGrant | undefined =>
      this.#grant(effect, context, tasks.entry(effect.taskIndex));
    return list instanceof Promise ? list.then(withOwn) : withOwn(list);
  }

  #grant(
    effect: GrantEffect,
    context: LeaseContext,
    own: TaskEntry | undefined,
  ): LeaseGrant | undefined {
    const { template, researcher, architecture } = context;
    const bundle = bestBundle(architecture, template.bundles);
    if (bundle === undefined) return undefined;
    const { columns = [] } = template;
    const input = own?.blob === undefined ? null : own.path;
    const values = { index: effect.taskIndex, input, row: rowOf(columns, own?.values ?? []) };
    const render = (text: string): string => renderTemplate(text, values);
    const inputs: GrantedInput[] = template.sharedInputs.map((each) => ({
      path: each.path,
      blob: this.#shared(effect, each),
      keeper: undefined,
    }));
    if (own?.blob !== undefined) {
      const blob = this.#readable(effect, own.blob, context);
      inputs.push({ path: own.path, blob, keeper: this.#keeperFor(effect, context) });
    }
    return {
      leaseId: effect.leaseId,
      jobId: effect.jobId,
      jobName: template.name,
      researcher,
      taskIndex: effect.taskIndex,
      command: template.command.map(render),
      environment: Object.fromEntries(
        Object.entries(template.environment).map(([name, value]) => [name, render(value)]),
      ),
      bundle: this.#shared(effect, bundle),
      isRootFileSystem: bundle.isRootFileSystem,
      inputs,
      outputs: template.outputs.map(render),
      checkpoint: template.keepsCheckpoint ?? false,
      hasSocket: template.network === 'federation',
      internet: internetUseOf(template),
      timeoutMs: template.timeoutMs,
      memoryBytes: template.memoryBytes,
      diskBytes: template.diskBytes,
      uploadCapability: this.#mayWrite(effect, template),
      keepProof:
        template.keepsOutputs === true
          ? this.#options.signer.keepProof(effect.jobId)
          : Buffer.alloc(0),
    };
  }

  /** The node of the same site that has the task's own input; undefined: it is this one, elsewhere, or nobody. */
  #keeperFor(
    { nodeId }: GrantEffect,
    { keeper, siteNumber }: LeaseContext,
  ): GrantedInput['keeper'] {
    if (keeper === null || keeper.siteNumber !== siteNumber || !keeper.isHere) return undefined;
    const { address, port, jobId } = keeper;
    if (keeper.nodeId === nodeId || address === '') return undefined;
    return { address, port, proof: this.#options.signer.keepProof(jobId) };
  }

  #mayWrite({ nodeId, leaseId }: GrantEffect, template: JobTemplate): string {
    const maxBytes = bytesToSend(template);
    const atLeastMs = runSpanMs(template) + writeSpanMs;
    if (template.service === null) {
      const scope = { kind: 'put', nodeId, maxBytes, leaseId: null } as const;
      return this.#right(nodeId, {
        what: `${maxBytes} ${atLeastMs}`,
        scope,
        atLeastMs,
        spareMs: dayMs,
      });
    }
    const expiresUnixMs = this.#options.now() + atLeastMs;
    return this.#options.signer.sign({ kind: 'put', nodeId, maxBytes, leaseId, expiresUnixMs });
  }

  #shared({ nodeId }: GrantEffect, { sha256, sizeBytes }: BlobRef): BlobGrant {
    const half = readSpanMs / 2;
    const scope = { kind: 'get', nodeId, sha256 } as const;
    const wanted = { what: sha256, scope, atLeastMs: half, spareMs: half };
    const capability = this.#right(nodeId, wanted);
    const isShared = isExchanged({ sha256, sizeBytes });
    return { blob: { sha256, sizeBytes }, capability, isShared };
  }

  /** A right that lasts for so long at least; the one signed before, as long as its spare time. */
  #right(nodeId: NodeId, { what, scope, atLeastMs, spareMs }: WantedRight): string {
    const now = this.#options.now();
    const ofNodes = this.#rights.get(what);
    const kept = ofNodes?.get(nodeId);
    if (kept !== undefined && kept.expiresUnixMs - now >= atLeastMs) return kept.text;
    const expiresUnixMs = now + atLeastMs + spareMs;
    const text = this.#options.signer.sign({ ...scope, expiresUnixMs });
    this.#keep(nodeId, { what, right: { text, expiresUnixMs } });
    return text;
  }

  #keep(nodeId: NodeId, { what, right }: { readonly what: string; readonly right: Right }): void {
    for (const [oldest, { size }] of this.#rights) {
      if (this.#rightsKept < rightsKept) break;
      this.#rights.delete(oldest);
      this.#rightsKept -= size;
    }
    const ofNodes = this.#rights.get(what) ?? new Map<NodeId, Right>();
    this.#rights.set(what, ofNodes);
    if (!ofNodes.has(nodeId)) this.#rightsKept += 1;
    ofNodes.set(nodeId, right);
  }

  #readable(
    { nodeId }: GrantEffect,
    { sha256, sizeBytes }: ProtoBlobRef,
    { keeper }: LeaseContext,
  ): BlobGrant {
    const expiresUnixMs = this.#options.now() + readSpanMs;
    const scope = { kind: 'get', nodeId, sha256, expiresUnixMs } as const;
    const kept =
      keeper === null ? null : { jobId: keeper.jobId, taskIndex: keeper.taskIndex, sizeBytes };
    const capability = this.#options.signer.sign({ ...scope, ...(kept !== null && { kept }) });
    return { blob: { sha256, sizeBytes }, capability, isShared: false };
  }
}

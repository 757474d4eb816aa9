// The results of ended attempts: names and hashes what a task left, and sends it.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AttemptResult } from '../../../proto/gen/punnet/v1/job.ts';
import type { BlobRef, Exit, Lease } from '../../core/index.ts';
import type { BlobClient } from '../blobs/blob-client.ts';
import type { KeptOutputs } from '../kept/kept-outputs.ts';
import { collectOutputs, type Output } from '../sandbox/collect.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { writeSent } from './attempt-record.ts';

export interface Result {
  /** bad_output where the task succeeded and an output was not as promised. */
  readonly exit: Exit;
  /** null: it left nothing. */
  readonly result: BlobRef | null;
  /** Bytes to send, the result's own blob included. */
  readonly sizeBytes: number;
}

interface Parcel extends Result {
  /** In the order in which they are sent; the result's own is the last. */
  readonly files: readonly (BlobRef & { readonly file: string })[];
}

export class Results {
  readonly #sandbox: Pick<Sandbox, 'folderOf' | 'logTail'>;
  readonly #blobs: Pick<BlobClient, 'upload'>;
  readonly #kept: Pick<KeptOutputs, 'keep'>;
  readonly #parcels = new Map<number, Parcel>();

  constructor(
    sandbox: Pick<Sandbox, 'folderOf' | 'logTail'>,
    {
      blobs,
      kept,
    }: {
      readonly blobs: Pick<BlobClient, 'upload'>;
      readonly kept: Pick<KeptOutputs, 'keep'>;
    },
  ) {
    this.#sandbox = sandbox;
    this.#blobs = blobs;
    this.#kept = kept;
  }

  /** Finds the outputs of an ended attempt and keeps them for `send`. */
  async collect(lease: Lease, exit: Exit): Promise<Result> {
    const { leaseId } = lease;
    const folder = this.#sandbox.folderOf(leaseId);
    const collected = await this.#outputsOf(lease, exit);
    const log = this.#sandbox.logTail(leaseId);
    const { outputs } = collected;
    if (outputs.length === 0 && log === '' && collected.exit.code === 'succeeded') {
      return { exit: collected.exit, result: null, sizeBytes: 0 };
    }
    const bytes = AttemptResult.encode({
      outputs: outputs.map(({ path, sha256, sizeBytes }) => ({
        path,
        blob: { sha256, sizeBytes },
      })),
      logTail: Buffer.from(log),
      detail: collected.exit.detail,
    }).finish();
    const file = join(folder, 'result.bin');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { mode: 0o600 });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const result = { sha256, sizeBytes: bytes.length };
    const sent = isKept(lease) ? [] : outputs;
    const files = [
      ...sent.map((each) => ({ ...each, file: each.absolutePath })),
      { ...result, file },
    ];
    const sizeBytes = files.reduce((sum, each) => sum + each.sizeBytes, 0);
    const found = { exit: collected.exit, result, sizeBytes };
    this.#parcels.set(leaseId, { ...found, files });
    return found;
  }

  /** The outputs; where they stay on this node they are kept when this resolves. */
  async #outputsOf(lease: Lease, exit: Exit): Promise<Ended> {
    const found = await outputsOf(lease, exit, join(this.#sandbox.folderOf(lease.leaseId), 'work'));
    if (!isKept(lease) || found.outputs.length === 0) return found;
    const problem = await this.#kept.keep(lease, found.outputs);
    if (problem === null) return found;
    return { exit: { ...exit, code: 'out_of_disk', detail: problem }, outputs: [] };
  }

  /** Sends what was collected, and notes on disk that it was. Throws BlobClientError. */
  async send(lease: Lease, signal: AbortSignal): Promise<void> {
    const { leaseId, uploadCapability } = lease;
    const parcel = this.#parcels.get(leaseId);
    if (parcel === undefined) throw new Error(`lease ${leaseId}: sent before it was collected`);
    for (const { file, sha256, sizeBytes } of parcel.files) {
      await this.#blobs.upload({ sha256, sizeBytes }, file, {
        capability: uploadCapability,
        signal,
      });
    }
    const { exit, result } = parcel;
    writeSent(this.#sandbox.folderOf(leaseId), { exit, result });
  }

  forget(leaseId: number): void {
    this.#parcels.delete(leaseId);
  }
}

interface Ended {
  readonly exit: Exit;
  readonly outputs: readonly Output[];
}

function isKept({ keepProof = '' }: Lease): boolean {
  return keepProof !== '';
}

async function outputsOf(lease: Lease, exit: Exit, workPath: string): Promise<Ended> {
  if (exit.code !== 'succeeded') return { exit, outputs: [] };
  const found = await collectOutputs(workPath, lease.outputs, lease.diskBytes);
  if (found.kind === 'collected') return { exit, outputs: found.outputs };
  return { exit: { ...exit, code: 'bad_output', detail: found.detail }, outputs: [] };
}

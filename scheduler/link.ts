// What nodes are told and what they say, for main.ts: the bus, what messages are put together of, and the outputs that nodes keep.

import type { BlobIndexes } from './adapters/blobs/blob-indexes.ts';
import type { BlobStore } from './adapters/blobs/blob-store.ts';
import type { CapabilitySigner } from './adapters/blobs/capability.ts';
import { ExchangeComposer } from './adapters/blobs/exchange-composer.ts';
import { KeptOutputs } from './adapters/blobs/kept-outputs.ts';
import { LeaseComposer } from './adapters/blobs/lease-composer.ts';
import type { Manifests } from './adapters/blobs/manifests.ts';
import { hasResult, outputsOf } from './adapters/blobs/results.ts';
import type { NatsIdentity } from './adapters/nats/nats-identity.ts';
import type { NodeLinkOptions } from './adapters/nats/node-link.ts';
import { NodeLink } from './adapters/nats/node-link.ts';
import type { Overlay } from './adapters/overlay/overlay.ts';
import type { Pki } from './adapters/pki/pki.ts';
import { releaseComposer } from './adapters/releases/release-orders.ts';
import type { ReleaseRepository } from './adapters/releases/release-repository.ts';
import type { BlobCareOptions } from './blob-care.ts';
import type { Instant, Sha256 } from './core/index.ts';
import type { JobId } from './core/index.ts';
import { jobId } from './core/index.ts';
import { revoking } from './enrolment.ts';
import type { Loop } from './loop.ts';

/** What the link needs of the data folder. */
interface Folder {
  readonly pki: Pki;
  readonly blobs: BlobStore;
  readonly indexes: BlobIndexes;
  readonly releases: ReleaseRepository;
  readonly signer: CapabilitySigner;
  readonly identity: NatsIdentity;
  readonly overlay: Overlay | undefined;
}

/** The bus, whoever runs it. */
interface Nats {
  readonly urls: readonly string[];
  revokeUsers(publicKeys: readonly string[]): Promise<void>;
}

interface StartedLink {
  readonly link: NodeLink;
  readonly kept: KeptOutputs;
  /** For the upkeep of blobs; it tells the core of tasks whose kept outputs are all here. */
  readonly care: Pick<BlobCareOptions, 'manifests' | 'view' | 'onUnsent'>;
}

interface TaskOfJob {
  readonly jobId: JobId;
  readonly taskIndex: number;
}

/** Connected; it hears nobody before its `listen`. */
export async function startLink(
  { pki, identity, blobs, indexes, signer, releases, overlay }: Folder,
  nats: Nats,
  other: Pick<NodeLinkOptions, 'restMs' | 'log'> & {
    readonly submit: Loop['post'];
    readonly manifests: Manifests;
    readonly view: () => Loop['view'];
    readonly now: () => Instant;
    /** What is done at the end. */
    readonly stops: (() => Promise<void> | void)[];
  },
): Promise<StartedLink> {
  const { manifests, view, now, stops, ...rest } = other;
  const composer = new LeaseComposer({ manifests, signer, view, now });
  const kept = new KeptOutputs({
    ...{ blobs, signer, view, nowUnixMs: now },
    send: (id, wanted) => link.sendKept(id, wanted),
    onCame: ({ jobId: job, taskIndex }) => void tellCame({ jobId: jobId(job), taskIndex }),
  });
  const tellCame = async ({ jobId: job, taskIndex }: TaskOfJob): Promise<void> => {
    const result = view().task(job, taskIndex)?.result ?? null;
    if (result === null || !(await areHere(blobs, result))) return;
    rest.submit({ kind: 'outputsCame', jobId: job, taskIndex });
  };
  const link = await NodeLink.connect({
    ...{ ...rest, urls: nats.urls, caPem: pki.caPem },
    credentials: await identity.schedulerCredentials(),
    closedSubject: identity.closedSubject,
    instanceOf: (id) => view().instanceOf(id),
    recipientsOf: (said) => view().recipientsOf(said),
    hasResult: async (ref, leaseId) =>
      view().isKept(leaseId)
        ? (await blobs.size(ref.sha256)) === ref.sizeBytes
        : await hasResult(blobs, ref),
    onKeptMissing: (id, sha256) => kept.missing(id, sha256),
    composeLease: (effect) => composer.compose(effect),
    composeExchange: new ExchangeComposer({ indexes, signer, now }),
    composeRelease: releaseComposer({ releases: () => releases.releases, signer, now }),
    revoke: revoking(overlay, nats),
  });
  stops.push(
    () => link.stop(),
    () => kept.stop(),
  );
  return { link, kept, care: { manifests, view, onUnsent: tellCame } };
}

/** Whether all outputs of a result are; no, where the disk does not say so. */
async function areHere(blobs: BlobStore, result: Sha256): Promise<boolean> {
  try {
    for (const { sha256, sizeBytes } of await outputsOf(blobs, result)) {
      if ((await blobs.size(sha256)) !== sizeBytes) return false;
    }
    return true;
  } catch {
    return false;
  }
}

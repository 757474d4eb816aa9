// What the services need of the rest; given once, by main.

import type { Readable } from 'node:stream';
import type { Key } from '@tufjs/models';
import type { AuditEntry } from '../../proto/gen/punnet/v1/audit_service.ts';
import type { BlobRef } from '../../proto/gen/punnet/v1/common.ts';
import type { AddressSeen } from '../../proto/gen/punnet/v1/node_service.ts';
import type { TaskEntry } from '../../proto/gen/punnet/v1/job.ts';
import type { ReleaseTarget } from '../../proto/release-target.ts';
import type { Answer, Bundle, Command, Instant, NodeSummary, View } from '../core/index.ts';

export interface Blobs {
  /** Fails when the bytes are not the blob. Of one that is cut, what came stays for the sender. */
  resume(
    stream: AsyncIterable<Uint8Array>,
    blob: BlobRef,
    from: { readonly sender: string; readonly offset: number },
  ): Promise<void>;
  /** Bytes that stayed of an upload that was cut. */
  committed(sender: string, blob: BlobRef): Promise<number>;
  read(sha256: string, range: { readonly offset?: number; readonly length?: number }): Readable;
  readBytes(sha256: string, maxBytes: number): Promise<Buffer>;
  markOwned(principal: string, sha256: string): Promise<void>;
  /** Those of the blobs that the principal has not uploaded: others' are missing, too. */
  /** undefined: it is not here. */
  size(sha256: string): Promise<number | undefined>;
  missing<B extends BlobRef>(principal: string, blobs: readonly B[]): Promise<readonly B[]>;
}

/** An output of a task that stays on its node, perhaps. */
export interface WantedOutput extends BlobRef {
  readonly jobId: string;
  readonly taskIndex: number;
}

/** The list of a job's tasks. */
export interface TaskList {
  readonly length: number;
  /** Throws when there is no such task, or it cannot be read. */
  entry(index: number): TaskEntry;
}

/** Who changed what. */
export interface Audit {
  record(entry: Omit<AuditEntry, 'number'>): Promise<void>;
  /** The newest first. */
  read(options: {
    readonly before: number | null;
    readonly sinceUnixMs: number;
    readonly limit: number;
  }): readonly AuditEntry[];
}

/** Releases, as operators have signed them. */
export interface Releases {
  readonly releases: readonly ReleaseTarget[];
  /** null: there is nothing yet. */
  readonly offline: { readonly root: Buffer; readonly targets: Buffer } | null;
  readonly onlineKey: Pick<Key, 'keyID' | 'toJSON'>;
  /** All of it, or nothing: then why not. */
  take(offline: {
    readonly roots: readonly Uint8Array[];
    readonly targets: Uint8Array | null;
  }): Promise<string | null>;
}

export interface ApiDeps {
  readonly releases: Releases;
  /** Is done before a rollout starts: sites exchange its blobs from its first node on. */
  readonly rolloutComes: (name: string, version: string) => Promise<void>;
  readonly view: () => View;
  readonly submit: (command: Command) => Promise<Answer>;
  readonly now: () => Instant;
  readonly blobs: Blobs;
  /** Why a stored bundle is not what the job says that it is; null: it is. */
  readonly bundleProblem: (
    sha256: string,
    claim: Pick<Bundle, 'architecture' | 'isRootFileSystem'>,
  ) => Promise<string | null>;
  readonly audit: Audit;
  /** Has an output sent by the node that keeps it: null when it is here, else why it won't come. */
  readonly bringKept: (
    wanted: WantedOutput,
    signal: AbortSignal,
  ) => Promise<{ readonly code: string; readonly text: string } | null>;
  /** A TaskManifest by its hash. */
  readonly taskList: (sha256: string) => TaskList | Promise<TaskList>;
  readonly hashToken: (token: string) => string;
  readonly makeToken: () => string;
  readonly caPem: string;
  /** Where nodes enrol. */
  readonly enrolUrl: string;
  /** Whether agents' packages are served there. */
  readonly hasInstaller: boolean;
  /** Whether jobs may ask for the internet. */
  readonly isInternetAllowed: boolean;
  /** host:port of this API, as clients reach it. */
  readonly endpoint: string;
  /** Hears of errors that are our own fault. */
  readonly onFault: (error: unknown) => void;
  /** Where a node's tunnel came from, for operators' eyes only; the latest first. */
  readonly addressesOf: (nodeId: string) => readonly AddressSeen[];
  /** A node's own on the overlay; empty: it has none. */
  readonly overlayAddressOf: (node: Pick<NodeSummary, 'slice' | 'number'>) => string;
  /** Bytes over a site's uplink since the start. */
  readonly bytesOf: (siteId: string, direction: 'down' | 'up') => number;
}

// Messages to and from the agent's core, for NATS: protobuf on one side, commands on the other.

import { isIPv4 } from 'node:net';
import type {
  BlobPart,
  FromNode,
  Keeper as ProtoKeeper,
  KeptOutputs,
  KeptWanted,
  LanTask,
  LeaseGrant,
  ProbeTask,
  TaskMessage,
  ReleaseOrder,
  ReleaseState,
} from '../../../proto/gen/punnet/v1/agent.ts';
import { Direction as ProtoDirection, ToNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { EndCode as ProtoEndCode } from '../../../proto/gen/punnet/v1/job.ts';
import type { Inventory, NodeStatus } from '../../../proto/gen/punnet/v1/node.ts';
import { exchangeMessages, type ExchangeMessages } from './exchange-wire.ts';
import type {
  BlobGrant,
  Command,
  Direction,
  EndCode,
  GrantedInput,
  Keeper,
  Lease,
  SayPart,
} from '../../core/index.ts';

const maxItems = 1_024;
/** Of different names. */
const maxReleases = 16;

const endCodes: Readonly<Record<EndCode, ProtoEndCode>> = {
  succeeded: ProtoEndCode.SUCCEEDED,
  exited: ProtoEndCode.EXITED,
  signalled: ProtoEndCode.SIGNALLED,
  timeout: ProtoEndCode.TIMEOUT,
  out_of_memory: ProtoEndCode.OUT_OF_MEMORY,
  out_of_disk: ProtoEndCode.OUT_OF_DISK,
  bad_output: ProtoEndCode.BAD_OUTPUT,
  not_started: ProtoEndCode.NOT_STARTED,
  lost: ProtoEndCode.LOST,
  owner: ProtoEndCode.OWNER,
  cancelled: ProtoEndCode.CANCELLED,
  given_back: ProtoEndCode.GIVEN_BACK,
  out_of_bytes: ProtoEndCode.OUT_OF_BYTES,
};

const toProto = (direction: Direction): ProtoDirection =>
  direction === 'down' ? ProtoDirection.DOWN : ProtoDirection.UP;

export interface Speaker {
  readonly instanceNumber: number;
  readonly instanceId: string;
  readonly sequence: number;
  /** Of a report. */
  readonly status: NodeStatus | undefined;
  /** Sent with a report when the scheduler has not seen it from this instance. */
  readonly inventory: Inventory | undefined;
  /** What it has of releases, when there is news of that; null: there is none. */
  readonly releases: readonly ReleaseState[] | null;
  /** What it has of blobs that its site exchanges, when there is news of that. */
  readonly blobParts?: readonly BlobPart[];
  /** Outputs that it keeps. */
  readonly kept?: KeptOutputs | undefined;
  /** Hashes of those that it was asked for and has no more. */
  readonly keptMissing?: readonly string[];
}

/** One message with all the parts of a batch. */
export function toMessage(parts: readonly SayPart[], speaker: Speaker): FromNode {
  const of = <K extends SayPart['kind']>(kind: K) =>
    parts.filter((part): part is Extract<SayPart, { kind: K }> => part.kind === kind);
  const report = of('report').slice(-1)[0];
  const { status, inventory, releases } = speaker;
  return {
    instanceNumber: speaker.instanceNumber,
    instanceId: speaker.instanceId,
    sequence: speaker.sequence,
    report:
      report === undefined
        ? undefined
        : {
            ...{ status, inventory, held: [...report.held] },
            ...{ releases: [...(releases ?? [])], tellsReleases: releases !== null },
            kept: speaker.kept,
          },
    started: of('started').map((part) => part.leaseId),
    exited: of('exited').map((part) => part.leaseId),
    ended: of('ended').map(({ leaseId, exit, result }) => ({
      leaseId,
      code: endCodes[exit.code],
      exitCode: exit.exitCode,
      cpuMs: Math.max(0, Math.round(exit.cpuMs)),
      wallMs: Math.max(0, Math.round(exit.wallMs)),
      result: result === null ? undefined : { ...result },
    })),
    transfersWanted: of('transferWanted').map((part) => ({
      leaseId: part.leaseId,
      direction: toProto(part.direction),
      sizeBytes: part.sizeBytes,
    })),
    transfersDone: of('transferDone').map((part) => ({
      leaseId: part.leaseId,
      direction: toProto(part.direction),
    })),
    leaves: false,
    blobParts: [...(speaker.blobParts ?? [])],
    keptMissing: (speaker.keptMissing ?? []).map((sha256) => Buffer.from(sha256, 'hex')),
  };
}

type Spoke = Extract<Command, { kind: 'schedulerSpoke' }>;

/** Who takes what is not the core's. */
export interface Asides {
  readonly onLanTask: (task: LanTask) => void;
  readonly onProbeTask: (task: ProbeTask) => void;
  readonly onTaskMessage: (message: TaskMessage) => void;
  readonly onReleases: (orders: readonly ReleaseOrder[]) => void;
  readonly onExchange: (messages: ExchangeMessages) => void;
  readonly onKeptWanted: (wanted: readonly KeptWanted[]) => void;
  /** Jobs whose outputs it need not keep. */
  readonly onKeptReleased: (jobIds: readonly string[]) => void;
  /** The scheduler may have forgotten what it was told. */
  readonly onReportWanted: () => void;
}

/**
 * The command in a message's bytes; a string says why it was dropped.
 * Never throws: these bytes come from outside.
 */
export function fromBytes(bytes: Uint8Array, instanceId: string, asides?: Asides): Spoke | string {
  let message: ToNode;
  try {
    message = ToNode.decode(bytes);
  } catch (error) {
    return `no ToNode message (${String(error)})`;
  }
  if (message.instanceId !== '' && message.instanceId !== instanceId) return 'for another instance';
  const lists = [message.grants, message.cancels, message.acknowledged, message.transfers];
  if (lists.some((list) => list.length > maxItems)) return `a list of over ${maxItems} items`;
  if (message.lan !== undefined) asides?.onLanTask(message.lan);
  if (message.probe !== undefined) asides?.onProbeTask(message.probe);
  if (message.taskMessage !== undefined) asides?.onTaskMessage(message.taskMessage);
  if (message.releases.length > 0) asides?.onReleases(message.releases.slice(0, maxReleases));
  const exchanged = exchangeMessages(message);
  if (exchanged.leases.length + exchanged.news.length > 0) asides?.onExchange(exchanged);
  const wanted = message.keptWanted.filter(({ blob }) => isHash(blob?.sha256 ?? ''));
  if (wanted.length > 0) asides?.onKeptWanted(wanted.slice(0, maxItems));
  if (message.keptReleased.length > 0) asides?.onKeptReleased(message.keptReleased);
  if (message.wantsReport) asides?.onReportWanted();
  const grants: Lease[] = [];
  for (const grant of message.grants) {
    const lease = toLease(grant);
    if (lease === null) return `a grant of lease ${grant.leaseId} that lacks something`;
    grants.push(lease);
  }
  return {
    kind: 'schedulerSpoke',
    grants,
    cancels: message.cancels,
    acknowledged: message.acknowledged,
    transfers: message.transfers
      .filter((transfer) => transfer.direction !== ProtoDirection.UNSPECIFIED)
      .map(({ leaseId, direction }) => ({
        leaseId,
        direction: direction === ProtoDirection.DOWN ? ('down' as const) : ('up' as const),
      })),
    blobsMissing: message.blobsMissing,
    wantsReport: message.wantsReport,
    isQuarantined: message.isQuarantined,
    reportIntervalMs: message.reportIntervalMs > 0 ? message.reportIntervalMs : 0,
    allotmentBytes: message.allotmentBytes ?? null,
  };
}

function toLease(grant: LeaseGrant): Lease | null {
  const bundle = toBlob(grant.bundle);
  const inputs = grant.inputs.map(({ path, blob, keeper }) => ({
    path,
    blob: toBlob(blob),
    keeper: toKeeper(keeper),
  }));
  if (bundle === null || grant.command.length === 0 || grant.leaseId <= 0) return null;
  const whole: GrantedInput[] = [];
  for (const { path, blob, keeper } of inputs) {
    if (blob === null || !isInside(path)) return null;
    whole.push({ ...blob, path, ...(keeper !== null && { keeper }) });
  }
  const { leaseId, jobId, jobName, researcher, taskIndex, command, environment } = grant;
  return {
    ...{ leaseId, jobId, jobName, researcher, taskIndex, command, environment, bundle },
    isRootFileSystem: grant.isRootFileSystem,
    inputs: whole,
    outputs: grant.outputs,
    timeoutMs: grant.timeoutMs,
    memoryBytes: grant.memoryBytes,
    diskBytes: grant.diskBytes,
    uploadCapability: grant.uploadCapability,
    keepsCheckpoint: grant.checkpoint,
    hasSocket: grant.hasSocket,
    ...(grant.internet !== undefined && { internet: grant.internet }),
    ...(grant.keepProof.length > 0 && { keepProof: Buffer.from(grant.keepProof).toString('hex') }),
  };
}

/** null: nobody at the site, or nobody that can be reached. */
function toKeeper(keeper: ProtoKeeper | undefined): Keeper | null {
  if (keeper === undefined || keeper.proof.length !== 32) return null;
  const { address, port, proof } = keeper;
  if (!isIPv4(address) || port <= 0 || port > 65_535) return null;
  return { address, port, proof: Buffer.from(proof).toString('hex') };
}

function toBlob(grant: LeaseGrant['bundle']): BlobGrant | null {
  const blob = grant?.blob;
  if (grant === undefined || blob === undefined || !isHash(blob.sha256)) return null;
  const { capability, isShared } = grant;
  return { sha256: blob.sha256, sizeBytes: blob.sizeBytes, capability, isShared };
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** A relative path that stays where it is put. */
function isInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
}

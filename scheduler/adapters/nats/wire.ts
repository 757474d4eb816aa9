// From a node's bytes to the core's command, and from effects to messages of bounded size. Pure.
// What a node sends is never trusted: a bad message is named and dropped, nothing here throws.

import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { FromNode, ToNode } from '../../../proto/gen/punnet/v1/agent.ts';
import type { LanTask, ProbeTask, TaskMessage } from '../../../proto/gen/punnet/v1/agent.ts';
import type * as proto from '../../../proto/gen/punnet/v1/node.ts';
import type { UplinkRate as ProtoRate } from '../../../proto/gen/punnet/v1/common.ts';
import { maxMessageBytes } from '../../../proto/subjects.ts';
import { blobParts } from './blob-parts.ts';
import { keptMissing, keptOutputs } from './kept-outputs.ts';
import { Malformed, amount, few, maxItems, text, whole } from './fields.ts';
import { endCodes, isArchitecture, leaseId, rateSources, sha256 } from '../../core/index.ts';
import type { AttemptEnd, Direction, Inventory, LeaseId, NodeRelease } from '../../core/index.ts';
import type { NodeId, NodeSpoke, NodeStatus, UplinkRate } from '../../core/index.ts';

/** Releases of different names that one node has. */
const maxReleases = 16;
/** Researchers that one owner refuses. */
const maxRefused = 32;
export const maxGrantsPerMessage = 256;

export type Decoded =
  | {
      readonly kind: 'spoke';
      readonly command: NodeSpoke;
      /** All that its node has, of a report that tells that; null: of others. */
      readonly releases: readonly NodeRelease[] | null;
      /** Outputs that it was asked for and does not have any more: their SHA-256. */
      readonly keptMissing: readonly string[];
    }
  /** Its owner takes it out of the federation. */
  | { readonly kind: 'left' }
  | { readonly kind: 'dropped'; readonly reason: string };

/** Checks and translates one message. `isResultPresent` is false where there is a result: the
 * caller asks the blob store. */
export function decodeFromNode(nodeId: NodeId, bytes: Uint8Array): Decoded {
  if (bytes.length > maxMessageBytes) return { kind: 'dropped', reason: 'message too long' };
  try {
    const message = FromNode.decode(bytes);
    if (message.leaves) return { kind: 'left' };
    return {
      kind: 'spoke',
      command: toCommand(nodeId, message),
      releases: toReleases(message),
      keptMissing: keptMissing(message),
    };
  } catch (error) {
    return { kind: 'dropped', reason: error instanceof Malformed ? error.message : 'not protobuf' };
  }
}

function toCommand(nodeId: NodeId, message: FromNode): NodeSpoke {
  const { report } = message;
  return {
    kind: 'nodeSpoke',
    nodeId,
    instanceNumber: whole(message.instanceNumber, 'instance_number'),
    instanceId: text(message.instanceId, 'instance_id'),
    sequence: whole(message.sequence, 'sequence'),
    status: report?.status === undefined ? null : toStatus(report.status),
    inventory: report?.inventory === undefined ? null : toInventory(report.inventory),
    held: report === undefined ? null : leases(report.held, 'held'),
    started: leases(message.started, 'started'),
    exited: leases(message.exited, 'exited'),
    ended: few(message.ended, 'ended').map(toEnd),
    transfersWanted: few(message.transfersWanted, 'transfers_wanted').map((wanted) => ({
      leaseId: lease(wanted.leaseId, 'transfers_wanted'),
      direction: toDirection(wanted.direction),
      sizeBytes: whole(wanted.sizeBytes, 'size_bytes'),
    })),
    transfersDone: few(message.transfersDone, 'transfers_done').map((done) => ({
      leaseId: lease(done.leaseId, 'transfers_done'),
      direction: toDirection(done.direction),
    })),
    ...keptOutputs(message),
    ...blobParts(message),
  };
}

function toReleases({ report }: FromNode): readonly NodeRelease[] | null {
  const releases = report?.releases ?? [];
  // Agents of 0.1.0 don't say that they tell.
  if (report?.tellsReleases !== true && releases.length === 0) return null;
  if (releases.length > maxReleases) {
    throw new Malformed(`releases: want up to ${maxReleases} items`);
  }
  return releases.map((each) => ({
    name: text(each.name, 'releases'),
    active: text(each.active, 'active'),
    staged: text(each.staged, 'staged'),
    failed: text(each.failed, 'failed'),
    problem: text(each.problem, 'problem'),
    isProven: each.isProven,
    fetchedBytes: whole(each.fetchedBytes, 'fetched_bytes'),
    sizeBytes: whole(each.sizeBytes, 'size_bytes'),
  }));
}

function toEnd(end: FromNode['ended'][number]): AttemptEnd {
  const code = endCodes[end.code - 1];
  if (code === undefined) throw new Malformed('unknown end code');
  const { result } = end;
  if (result !== undefined && !/^[0-9a-f]{64}$/.test(result.sha256)) {
    throw new Malformed('result: not a SHA-256');
  }
  return {
    leaseId: lease(end.leaseId, 'ended'),
    code,
    exitCode: end.exitCode,
    cpuMs: whole(end.cpuMs, 'cpu_ms'),
    wallMs: whole(end.wallMs, 'wall_ms'),
    result:
      result === undefined
        ? null
        : { sha256: sha256(result.sha256), sizeBytes: whole(result.sizeBytes, 'result') },
    isResultPresent: result === undefined,
  };
}

/** Also for enrolment. Throws an Error that names the field. */
export function toInventory(inventory: proto.Inventory): Inventory {
  const { architecture } = inventory;
  if (!isArchitecture(architecture)) throw new Malformed('unknown architecture');
  const speedGhz = amount(inventory.speedGhz, 'speed_ghz');
  if (speedGhz < 0.001 || speedGhz > 1000) throw new Malformed('speed_ghz: want 0.001 to 1000');
  return {
    architecture,
    speedGhz,
    userland: text(inventory.userland, 'userland'),
    model: text(inventory.model, 'model'),
    slots: slots(inventory.slots),
    memoryBytes: whole(inventory.memoryBytes, 'memory_bytes'),
    diskBytes: whole(inventory.diskBytes, 'disk_bytes'),
    agentVersion: text(inventory.agentVersion, 'agent_version'),
    nodeVersion: text(inventory.nodeVersion, 'node_version'),
    lan: text(inventory.lan, 'lan'),
    ...householdOf(inventory),
    ...cpuShareOf(inventory),
    sandbox: text(inventory.sandbox, 'sandbox'),
  };
}

/** What a second of CPU time is worth is bounded as the speed is. */
function cpuShareOf({ cpuShare, speedGhz }: proto.Inventory): Pick<Inventory, 'cpuShare'> {
  if (cpuShare === undefined || cpuShare === 1) return {};
  const isPart = amount(cpuShare, 'cpu_share') >= 0.01 && cpuShare < 1;
  if (isPart && speedGhz / cpuShare <= 1000) return { cpuShare };
  throw new Malformed('cpu_share: want 0.01 to 1');
}

function householdOf({ household }: proto.Inventory): Pick<Inventory, 'household'> {
  if (household === undefined) return {};
  if (/^[0-9a-f]{32}$/.test(household)) return { household };
  throw new Malformed('household: want 32 hexadecimal digits');
}

function toStatus(status: proto.NodeStatus): NodeStatus {
  const { notAccepting, temperatureC } = status;
  if (!(Math.abs(temperatureC) <= 300)) throw new Malformed('temperature_c: out of range');
  return {
    load: amount(status.load, 'load'),
    memoryAvailableBytes: whole(status.memoryAvailableBytes, 'memory_available_bytes'),
    diskAvailableBytes: whole(status.diskAvailableBytes, 'disk_available_bytes'),
    temperatureC,
    uplink: status.uplink === undefined ? null : toRate(status.uplink),
    isAccepting: status.isAccepting,
    notAccepting:
      status.isAccepting || notAccepting === undefined
        ? null
        : { code: text(notAccepting.code, 'code'), reason: text(notAccepting.reason, 'reason') },
    slots: slots(status.slots),
    hoursLeftMs:
      status.hoursLeftMs === undefined ? null : whole(status.hoursLeftMs, 'hours_left_ms'),
    refuses: refused(status.refuses),
    ...(status.allowsInternet === true && { allowsInternet: true }),
    month: status.month === undefined ? null : toMonth(status.month),
  };
}

function toMonth(month: proto.MonthBytes): NonNullable<NodeStatus['month']> {
  return {
    capBytes: whole(month.capBytes, 'cap_bytes'),
    usedBytes: whole(month.usedBytes, 'used_bytes'),
    allotmentBytes: whole(month.allotmentBytes, 'allotment_bytes'),
  };
}

/** A list that is looked at for each job. */
function refused(names: readonly string[]): readonly string[] {
  if (names.length > maxRefused) throw new Malformed(`refuses: want up to ${maxRefused} names`);
  return names.map((name) => text(name, 'refuses'));
}

function toRate(rate: ProtoRate): UplinkRate {
  const source = rateSources[rate.source - 1];
  if (source === undefined) throw new Malformed('unknown rate source');
  return {
    downBps: amount(rate.downBps, 'down_bps'),
    upBps: amount(rate.upBps, 'up_bps'),
    source,
    ageMs: whole(rate.ageMs, 'age_ms'),
    spread: amount(rate.spread, 'spread'),
  };
}

function toDirection(number: number): Direction {
  if (number === 1) return 'down';
  if (number === 2) return 'up';
  throw new Malformed('unknown direction');
}

function slots(count: number): number {
  if (count > maxItems) throw new Malformed(`slots: want up to ${maxItems}`);
  return whole(count, 'slots');
}

const none: readonly never[] = [];

/** Most lists of most messages are empty. */
function leases(ids: readonly number[], field: string): readonly LeaseId[] {
  if (ids.length === 0) return none;
  return few(ids, field).map((id) => lease(id, field));
}

function lease(id: number, field: string): LeaseId {
  return leaseId(whole(id, field));
}

/** What one node is told, before it is cut into messages. */
export type Outgoing = ToNode;

/** As `ToNode.create()` makes it, in a fifth of the time: there is one for each message. */
export function emptyOutgoing(): Outgoing {
  return {
    instanceId: '',
    grants: [],
    cancels: [],
    acknowledged: [],
    transfers: [],
    wantsReport: false,
    isQuarantined: false,
    blobsMissing: [],
    reportIntervalMs: 0,
    allotmentBytes: undefined,
    lan: undefined,
    probe: undefined,
    chunkLeases: [],
    exchanges: [],
    releases: [],
    taskMessage: undefined,
    keptWanted: [],
    keptReleased: [],
  };
}

export interface Encoded {
  readonly messages: readonly Uint8Array[];
  /** Leases whose grant alone is larger than a message. */
  readonly tooLarge: readonly number[];
}

/** Cuts into messages of at most 64 KiB and 256 items of a kind; one message is the rule. */
export function encodeToNode(instance: string, outgoing: Outgoing): Encoded {
  // A quarantine is for all that speak with this identity.
  const instanceId = outgoing.isQuarantined ? '' : instance;
  const messages: Uint8Array[] = [];
  const tooLarge: number[] = [];
  // Asked is whoever is there: a new instance that has said so to nobody does not hear what is for the
  // one before it.
  if (outgoing.wantsReport) messages.push(askForReport());
  const send = (part: Outgoing): void => {
    const longest = longestList(part);
    if (longest === 0 && !part.isQuarantined && part.allotmentBytes === undefined) return;
    const isShort = longest <= maxGrantsPerMessage;
    const bytes = isShort ? encode(part) : undefined;
    if (bytes !== undefined && bytes.length <= maxMessageBytes) {
      messages.push(bytes);
      return;
    }
    if (longest > 1) {
      send(cut(part, 0, 0.5));
      send({ ...cut(part, 0.5, 1), isQuarantined: false, allotmentBytes: undefined });
      return;
    }
    // Beside one grant there is little: it is the grant that is too large.
    tooLarge.push(...part.grants.map((grant) => grant.leaseId));
    send({ ...part, grants: [] });
  };
  send({ ...outgoing, instanceId, wantsReport: false });
  return { messages, tooLarge };
}

function askForReport(): Uint8Array {
  return encode(ToNode.fromPartial({ wantsReport: true }));
}

/** Messages of their own, to whichever instance is there. */
export function encodeLanTask(task: LanTask): Uint8Array {
  return encode(ToNode.fromPartial({ lan: task }));
}

export function encodeTaskMessage(taskMessage: TaskMessage): Uint8Array {
  return encode(ToNode.fromPartial({ taskMessage }));
}

export function encodeProbeTask(task: ProbeTask): Uint8Array {
  return encode(ToNode.fromPartial({ probe: task }));
}

function longestList(outgoing: Outgoing): number {
  const { grants, cancels, acknowledged, transfers, blobsMissing, releases } = outgoing;
  const { chunkLeases, exchanges, keptWanted, keptReleased } = outgoing;
  // Asked of each message: no list is made of them.
  const ofLeases = Math.max(grants.length, cancels.length, acknowledged.length, transfers.length);
  const ofBlobs = Math.max(blobsMissing.length, chunkLeases.length, exchanges.length);
  const ofKept = Math.max(keptWanted.length, keptReleased.length);
  return Math.max(ofLeases, ofBlobs, ofKept, releases.length);
}

/** This part of every list; the parts of a whole hold each item once. */
function cut(outgoing: Outgoing, from: number, to: number): Outgoing {
  const slice = <T>(list: readonly T[]): T[] =>
    list.slice(Math.ceil(from * list.length), Math.ceil(to * list.length));
  return {
    ...outgoing,
    grants: slice(outgoing.grants),
    cancels: slice(outgoing.cancels),
    acknowledged: slice(outgoing.acknowledged),
    transfers: slice(outgoing.transfers),
    blobsMissing: slice(outgoing.blobsMissing),
    releases: slice(outgoing.releases),
    chunkLeases: slice(outgoing.chunkLeases),
    exchanges: slice(outgoing.exchanges),
    keptWanted: slice(outgoing.keptWanted),
    keptReleased: slice(outgoing.keptReleased),
  };
}

/** Kept from one message to the next: a new one grows its buffer by copying it again and again. */
let writer = new BinaryWriter();

function encode(message: ToNode): Uint8Array {
  try {
    return ToNode.encode(message, writer).finish();
  } catch (error) {
    // What it holds of the message must not begin the next one.
    writer = new BinaryWriter();
    throw error;
  }
}

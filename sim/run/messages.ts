// What nodes have to say until the next batch: the parts of one node go in one message, as a real
// agent sends them.

import type {
  AttemptEnd,
  BlobPart,
  Command,
  EndCode,
  IdleReport,
  LeaseId,
  NodeSpoke,
  NodeStatus,
} from '../../scheduler/core/index.ts';
import { leaseId, nodeId } from '../../scheduler/core/index.ts';

type Wanted = NodeSpoke['transfersWanted'][number];
type Done = NodeSpoke['transfersDone'][number];

/** A message that is being put together. */
type Draft = { -readonly [Part in keyof NodeSpoke]: NodeSpoke[Part] } & {
  started: LeaseId[];
  exited: LeaseId[];
  ended: AttemptEnd[];
  transfersWanted: Wanted[];
  transfersDone: Done[];
  blobParts?: BlobPart[];
};

export interface End {
  readonly code: EndCode;
  readonly runMs: number;
}

/** Most parts of most messages: nobody writes into it. */
const none: never[] = [];

export class Messages {
  readonly #ids: readonly ReturnType<typeof nodeId>[];
  readonly #sequences: Uint32Array;
  readonly #instances: Uint32Array;
  readonly #draftOf: (Draft | undefined)[];
  #drafts: Draft[] = [];
  /** Whose drafts these are. */
  #speakers: number[] = [];
  /** Those that report to have nothing. */
  #idle: IdleReport[] = [];

  constructor(nodes: number) {
    this.#ids = Array.from({ length: nodes }, (_, node) => nodeId(nameOf(node)));
    this.#sequences = new Uint32Array(nodes);
    this.#instances = new Uint32Array(nodes);
    this.#draftOf = new Array<Draft | undefined>(nodes).fill(undefined);
  }

  get isEmpty(): boolean {
    return this.#drafts.length + this.#idle.length === 0;
  }

  /** Only that it is there. */
  hello(node: number): void {
    this.#draft(node);
  }

  /** All that it holds, as a report says. */
  report(node: number, leases: readonly number[]): void {
    this.#draft(node).held = leases.length === 0 ? none : leases.map(leaseId);
  }

  /** That it holds nothing, as a report of its own, unless it has something else to say. */
  idle(node: number): void {
    if (this.#draftOf[node] === undefined) this.#idle.push(this.#sign(node));
    else this.report(node, none);
  }

  /** What it says of itself, beside that. */
  status(node: number, status: NodeStatus): void {
    this.#draft(node).status = status;
  }

  /** Its agent has started. */
  startedUp(node: number): void {
    this.#instances[node] = (this.#instances[node] ?? 0) + 1;
    this.#sequences[node] = 0;
  }

  started(node: number, lease: number): void {
    const draft = this.#draft(node);
    draft.started = withOne(draft.started, leaseId(lease));
  }

  exited(node: number, lease: number): void {
    const draft = this.#draft(node);
    draft.exited = withOne(draft.exited, leaseId(lease));
  }

  ended(node: number, lease: number, { code, runMs }: End): void {
    const draft = this.#draft(node);
    draft.ended = withOne(draft.ended, {
      leaseId: leaseId(lease),
      code,
      exitCode: 0,
      cpuMs: runMs,
      wallMs: runMs,
      // Its bytes have moved; what they are is nothing to the core.
      result: null,
      isResultPresent: true,
    });
  }

  wanted(node: number, part: Wanted): void {
    const draft = this.#draft(node);
    draft.transfersWanted = withOne(draft.transfersWanted, part);
  }

  done(node: number, part: Done): void {
    const draft = this.#draft(node);
    draft.transfersDone = withOne(draft.transfersDone, part);
  }

  /** What it has of a program that its site exchanges. */
  part(node: number, part: BlobPart): void {
    const draft = this.#draft(node);
    if (draft.blobParts === undefined) draft.blobParts = [part];
    else draft.blobParts.push(part);
  }

  /** Takes the reports of those that have nothing, if there are any. */
  takeIdle(): readonly Command[] {
    const reports = this.#idle;
    if (reports.length === 0) return none;
    this.#idle = [];
    return [{ kind: 'nodesIdle', reports }];
  }

  /** Takes all others, in the order in which the nodes began to speak. */
  take(): readonly NodeSpoke[] {
    const drafts = this.#drafts;
    for (const [place, node] of this.#speakers.entries()) {
      const draft = drafts[place];
      this.#draftOf[node] = undefined;
      if (draft === undefined) continue;
      const { instanceNumber, instanceId, sequence } = this.#sign(node);
      draft.instanceNumber = instanceNumber;
      draft.instanceId = instanceId;
      draft.sequence = sequence;
    }
    this.#drafts = [];
    this.#speakers = [];
    return drafts;
  }

  #draft(node: number): Draft {
    const known = this.#draftOf[node];
    if (known !== undefined) return known;
    const id = this.#ids[node];
    if (id === undefined) throw new Error(`there is no node ${node}`);
    const fresh: Draft = {
      kind: 'nodeSpoke',
      nodeId: id,
      instanceNumber: 0,
      instanceId: '',
      sequence: 0,
      status: null,
      inventory: null,
      held: null,
      started: none,
      exited: none,
      ended: none,
      transfersWanted: none,
      transfersDone: none,
    };
    this.#draftOf[node] = fresh;
    this.#drafts.push(fresh);
    this.#speakers.push(node);
    return fresh;
  }

  /** What it says goes out now. */
  #sign(nodeNumber: number): IdleReport {
    const sequence = (this.#sequences[nodeNumber] ?? 0) + 1;
    this.#sequences[nodeNumber] = sequence;
    const instanceNumber = this.#instances[nodeNumber] ?? 0;
    return { nodeNumber, instanceNumber, instanceId: String(instanceNumber), sequence };
  }
}

/** Most parts have one: a list that something is pushed to has room for seventeen. */
function withOne<T>(list: T[], one: T): T[] {
  if (list === none) return [one];
  list.push(one);
  return list;
}

/** The same text each time: two that are one are compared by where they are. */
export function nameOf(node: number): string {
  return (names[node] ??= `n${node}`);
}

const names: string[] = [];

/** The number in a name such as n12 or j3. */
export function numberOf(name: string): number {
  let number = 0;
  for (let at = 1; at < name.length; at += 1) number = 10 * number + name.charCodeAt(at) - 48;
  return number;
}

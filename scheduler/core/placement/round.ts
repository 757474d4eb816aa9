// One round of filling free slots: what it has given away so far, since nothing of it is applied
// yet, and what is left to give.

import { taskState } from '../columns.ts';
import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { siteOf, slotLeases, slotsOf } from '../leases.ts';
import type { Instant } from '../model/ids.ts';
import { leaseId } from '../model/ids.ts';
import { Turns } from '../queue/turns.ts';
import type { JobRecord, NodeRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { balanceWith } from './balance.ts';
import { draw } from './draw.ts';
import { downBytesOf, loadOf, upBytesOf, workOf } from './estimate.ts';
import type { More } from './estimate.ts';
import { refuseNode } from './filter.ts';
import type { Refusal } from './filter.ts';
import { refuseHours } from './hours-left.ts';
import type { NodeUse, Option, Pick, Policy, RoundView } from './policy.ts';

interface NodeGifts {
  leases: number;
  work: number;
  memoryBytes: number;
}

export class Round implements RoundView {
  readonly state: State;
  readonly now: Instant;
  readonly turns: Turns;
  /** Leases that a slot may hold in this pass. */
  perSlot = 1;
  readonly #policy: Policy;
  readonly #rows: number[] = [];
  readonly #effects: Effect[] = [];
  readonly #nodes = new Map<number, NodeGifts>();
  readonly #sites = new Map<number, More>();
  readonly #cursors = new Map<number, number>();
  readonly #taken = new Map<number, number>();
  readonly #jobsOnNode = new Set<string>();
  #drawn = 0;

  constructor(state: State, { now, policy }: { readonly now: Instant; readonly policy: Policy }) {
    this.state = state;
    this.now = now;
    this.turns = new Turns(state, now);
    this.#policy = policy;
  }

  /** What was given: at most one fact, and an effect for each lease. */
  get given(): { readonly facts: readonly Fact[]; readonly effects: readonly Effect[] } {
    if (this.#rows.length === 0) return { facts: [], effects: [] };
    const firstLeaseId = leaseId(this.state.nextLeaseId);
    const fact: Fact = { kind: 'tasksLeased', at: this.now, firstLeaseId, rows: this.#rows };
    return { facts: [fact], effects: this.#effects };
  }

  hasPlace(node: NodeRecord): boolean {
    const held = slotLeases(node) + (this.#nodes.get(node.number)?.leases ?? 0);
    return held < this.perSlot * slotsOf(node);
  }

  used(node: NodeRecord): NodeUse {
    const gifts = this.#nodes.get(node.number);
    let memoryBytes = gifts?.memoryBytes ?? 0;
    for (const id of node.leases) {
      const lease = mustHave(this.state.leases.get(id), `lease ${id}`);
      if (lease.phase === 'sending') continue;
      memoryBytes += this.state.jobs.get(lease.jobNumber)?.template.memoryBytes ?? 0;
    }
    const leases = slotLeases(node) + (gifts?.leases ?? 0);
    return { leases, places: this.perSlot * slotsOf(node), memoryBytes };
  }

  draw(): number {
    this.#drawn += 1;
    return draw(this.state.nextLeaseId + this.#effects.length, this.#drawn);
  }

  /** One for each of the jobs that has something for the node. */
  *options(node: NodeRecord, jobs: readonly JobRecord[]): Generator<Option> {
    for (const job of jobs) {
      const option = this.option(job, node);
      if (option !== null) yield option;
    }
  }

  option(job: JobRecord, node: NodeRecord): Option | null {
    const taskIndex = this.nextTask(job);
    if (taskIndex === null || this.#refuses(node, job)) return null;
    const option = this.optionOf(job, taskIndex, node);
    return this.hold(option) === null ? option : null;
  }

  /** Why the policy would rather leave the slot idle; null: it would not. */
  hold(option: Option): Refusal | null {
    return this.#policy.hold(option, this);
  }

  /** Whatever the node or the policy says to it. */
  optionOf(job: JobRecord, taskIndex: number, node: NodeRecord): Option {
    const site = siteOf(this.state, node);
    const load = loadOf(site, this.#sites.get(site.number));
    const downBits = 8 * this.#downBytes(job, taskIndex, node);
    const cost = { workGhzSeconds: workOf(job), downBits, upBits: 8 * upBytesOf(job) };
    return { job, taskIndex, node, site, load, cost };
  }

  /** With what this round has given to the node already. */
  #refuses(node: NodeRecord, job: JobRecord): boolean {
    if (refuseNode(job, node, this.now) !== null) return true;
    const gifts = this.#nodes.get(node.number);
    if (gifts === undefined) return false;
    const given = { leases: gifts.leases, workGhzSeconds: gifts.work };
    return refuseHours(job, node, { now: this.now, given }) !== null;
  }

  /** The job's shared blobs count once for each node, in this round too. */
  #downBytes(job: JobRecord, taskIndex: number, node: NodeRecord): number {
    const isSeen = this.#jobsOnNode.has(`${job.number} ${node.number}`);
    if (isSeen) return job.template.taskInputBytes[taskIndex] ?? 0;
    return downBytesOf(job, taskIndex, node);
  }

  give({ option, reason, figures }: Pick): void {
    const { job, taskIndex, node, site, load, cost } = option;
    const { cpuSeconds, linkSeconds } = balanceWith(load, cost);
    const [first, second] = figures ?? [rounded(cpuSeconds), rounded(linkSeconds)];
    const id = leaseId(this.state.nextLeaseId + this.#effects.length);
    this.#rows.push(job.number, taskIndex, node.number, reason, first, second);
    const { nodeId } = node;
    this.#effects.push({ kind: 'grant', nodeId, leaseId: id, jobId: job.jobId, taskIndex });
    const { workGhzSeconds, downBits, upBits } = cost;
    const more = this.#sites.get(site.number) ?? { work: 0, down: 0, up: 0, incoming: 0 };
    this.#sites.set(site.number, {
      work: more.work + workGhzSeconds,
      down: more.down + downBits / 8,
      up: more.up + upBits / 8,
      incoming: more.incoming + (downBits > 0 ? 1 : 0),
    });
    this.turns.give(job, { workGhzSeconds, bits: downBits + upBits });
    this.#jobsOnNode.add(`${job.number} ${node.number}`);
    const gifts = this.#nodes.get(node.number) ?? { leases: 0, work: 0, memoryBytes: 0 };
    gifts.leases += 1;
    gifts.work += workGhzSeconds;
    gifts.memoryBytes += job.template.memoryBytes;
    this.#nodes.set(node.number, gifts);
    this.#cursors.set(job.number, taskIndex + 1);
    this.#taken.set(job.number, (this.#taken.get(job.number) ?? 0) + 1);
  }

  /** The job's first waiting task that this round has not given away. */
  nextTask(job: JobRecord): number | null {
    if ((this.#taken.get(job.number) ?? 0) >= job.waiting) return null;
    let index = this.#cursors.get(job.number) ?? job.cursor;
    while (index < job.template.taskCount && taskState(job.tasks, index) !== 'waiting') index += 1;
    this.#cursors.set(job.number, index);
    return index < job.template.taskCount ? index : null;
  }
}

/** Two digits after the point are enough for a reason, and short in the journal. */
function rounded(seconds: number): number {
  return Math.round(100 * seconds) / 100;
}

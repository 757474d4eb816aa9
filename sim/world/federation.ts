// A simulated federation: one scheduler and its nodes over a bus, in virtual time. The cores and
// loops are the real ones; only the world around them is simulated.

import type { Lease } from '../../agent/core/index.ts';
import type { Effect, Instant, Policy } from '../../scheduler/core/index.ts';
import { instant, nodeId } from '../../scheduler/core/index.ts';
import type { AppendFate } from '../kernel/memory-journal.ts';
import { MemoryDisk } from '../kernel/memory-journal.ts';
import { VirtualClock } from '../kernel/virtual-clock.ts';
import type { FateOf } from './bus.ts';
import { SimBus } from './bus.ts';
import type { Behaviour } from './sim-node.ts';
import { SimNode } from './sim-node.ts';
import { SimScheduler } from './sim-scheduler.ts';

export interface FederationOptions {
  readonly start: Instant;
  readonly disk: MemoryDisk;
  readonly fateOf: FateOf;
  readonly appendFateOf: (sequence: number) => AppendFate;
  /** How long a scheduler that died stays away. */
  readonly schedulerAwayMs: number;
  readonly batchesBetweenSnapshots: number;
  /** Without: the one that federations run. */
  readonly policy?: Policy;
  /** The lease of a task as its node gets it. */
  readonly composeLease: (grant: Extract<Effect, { kind: 'grant' }>) => Lease;
  readonly behaviourOf: (nodeId: string, lease: Lease) => Behaviour;
}

export class SimFederation {
  readonly clock: VirtualClock;
  readonly scheduler: SimScheduler;
  readonly nodes = new Map<string, SimNode>();
  readonly #options: FederationOptions;
  readonly #bus: SimBus;

  constructor(options: FederationOptions) {
    this.#options = options;
    this.clock = new VirtualClock(options.start);
    this.#bus = new SimBus(this.clock, options.fateOf);
    this.scheduler = new SimScheduler({
      clock: this.clock,
      disk: options.disk,
      batchesBetweenSnapshots: options.batchesBetweenSnapshots,
      ...(options.policy === undefined ? {} : { policy: options.policy }),
      fateOf: options.appendFateOf,
      tell: (effects) => this.#tell(effects),
      onDeath: () => this.#startAgain(),
    });
  }

  /** A node that the scheduler has enrolled; it starts when it is told to. */
  addNode(id: string, slots: number): SimNode {
    const node = new SimNode({
      id,
      slots,
      clock: this.clock,
      behaviourOf: (lease) => this.#options.behaviourOf(id, lease),
      say: (message) => this.#bus.send(id, () => this.scheduler.hear(message)),
      upload: (sha256) => this.scheduler.takeBlob(sha256),
    });
    this.nodes.set(id, node);
    return node;
  }

  after(spanMs: number, run: () => void): void {
    this.clock.callAt(instant(this.clock.now() + spanMs), run);
  }

  /** `kill -9`, and a start after a while. */
  crashScheduler(): void {
    if (!this.scheduler.isUp) return;
    this.scheduler.crash();
    this.#startAgain();
  }

  #startAgain(): void {
    this.after(this.#options.schedulerAwayMs, () => void this.scheduler.start());
  }

  /** Lets time pass until the condition holds or the span is over; returns whether it holds. */
  async runUntil(isOver: () => boolean, spanMs: number): Promise<boolean> {
    const until = this.clock.now() + spanMs;
    for (;;) {
      // Promises of the loops have their turn between two instants of virtual time.
      await new Promise(setImmediate);
      if (isOver()) return true;
      const next = this.clock.nextAt;
      if (next === undefined || next > until) return false;
      this.clock.runNext();
    }
  }

  /** One message for each node, as the real link sends them. */
  #tell(effects: readonly Effect[]): void {
    const messages = new Map<string, ReturnType<typeof emptyMessage>>();
    for (const effect of effects) {
      if (effect.kind === 'jobChanged' || effect.kind === 'revokeCredentials') continue;
      if (effect.kind === 'solvePlan' || effect.kind === 'proveLan') continue;
      const message = messages.get(effect.nodeId) ?? emptyMessage();
      messages.set(effect.nodeId, message);
      if (effect.kind === 'grant') message.grants.push(this.#options.composeLease(effect));
      else if (effect.kind === 'cancel') message.cancels.push(effect.leaseId);
      else if (effect.kind === 'acknowledge') message.acknowledged.push(effect.leaseId);
      else if (effect.kind === 'transfer') message.transfers.push(effect);
      else if (effect.kind === 'blobMissing') message.blobsMissing.push(effect.leaseId);
      else if (effect.kind === 'allot') message.allotmentBytes = effect.bytes;
      else if (effect.kind === 'askReport') message.wantsReport = true;
      else message.isQuarantined = true;
    }
    for (const [id, message] of messages) {
      const say = (instanceId: string, told: typeof message): void =>
        this.#bus.send(id, () => this.nodes.get(id)?.hear(instanceId, told));
      const { wantsReport, ...rest } = message;
      if (wantsReport) say('', { ...emptyMessage(), wantsReport });
      say(this.scheduler.view.instanceOf(nodeId(id)), { ...rest, wantsReport: false });
    }
  }
}

function emptyMessage() {
  return {
    grants: new Array<Lease>(),
    cancels: new Array<number>(),
    acknowledged: new Array<number>(),
    transfers: new Array<{ leaseId: number; direction: 'down' | 'up' }>(),
    blobsMissing: new Array<number>(),
    wantsReport: false,
    isQuarantined: false,
    reportIntervalMs: 0,
    allotmentBytes: null as number | null,
  };
}

// What runs on slots: tasks, each for as long as its board needs for it, and replicas of services,
// until they are stopped.

import type { WorldJob } from '../world/draw-jobs.ts';
import type { World, WorldNode } from '../world/draw-world.ts';
import { serviceOf } from '../world/services.ts';
import { phases } from './attempts.ts';
import type { Attempts } from './attempts.ts';
import type { Board } from './board.ts';
import type { Paces } from './paces.ts';
import type { Transfers } from './transfers.ts';

export interface RunningOptions {
  readonly world: World;
  readonly attempts: Attempts;
  readonly paces: Paces;
  readonly transfers: Transfers;
}

export class Running {
  readonly #options: RunningOptions;

  constructor(options: RunningOptions) {
    this.#options = options;
  }

  /** What a free slot runs next; undefined: nothing may start. As with an agent, a replica leaves
   * the last slot without one to tasks that were given before it. */
  next({ ready, leases, node }: Board): number | undefined {
    if (this.#options.world.services.length === 0) return ready[0];
    const { phase } = this.#options.attempts;
    const replicas = leases.filter(
      (each) => phase[each] === phases.running && this.#isReplica(each),
    );
    const isLast = node.model.slots - replicas.length <= 1;
    const isUnstarted = (each: number): boolean =>
      (phase[each] ?? phases.none) < phases.running && !this.#isReplica(each);
    return ready.find((lease) => {
      const waits = isLast && this.#isReplica(lease);
      return !waits || !leases.some((each) => each < lease && isUnstarted(each));
    });
  }

  started(lease: number, of: { readonly isOnline: boolean; readonly now: number }): void {
    const { world, attempts, paces } = this.#options;
    const node = attempts.node[lease] ?? -1;
    const job = world.jobs[attempts.job[lease] ?? -1];
    const board = world.nodes[node];
    if (job === undefined || board === undefined) {
      if (of.isOnline) this.connected(lease, of.now);
      return;
    }
    paces.started(lease, { node, ms: runMsOf(job, board), now: of.now });
  }

  /** The time that a task takes is over, unless its board has become slower since. */
  hasEnded(lease: number, now: number): boolean {
    return this.#options.paces.hasEnded(lease, this.#nodeOf(lease), now);
  }

  /** It does not run any more, whatever it was for. */
  stopped(lease: number, now: number): void {
    this.#options.paces.stopped(lease, this.#nodeOf(lease));
    this.cutOff(lease, now);
  }

  /** The line of its site is there, or there again. */
  connected(lease: number, now: number): void {
    const { world, attempts, transfers } = this.#options;
    const service = serviceOf(world, attempts.job[lease] ?? -1);
    if (service === undefined) return;
    transfers.startStreams(this.#nodeOf(lease), { lease, rates: service.rates }, now);
  }

  cutOff(lease: number, now: number): void {
    const { attempts, transfers } = this.#options;
    if (!this.#isReplica(lease)) return;
    const { downBytes, upBytes } = transfers.stopStreams(lease, now);
    const before = attempts.streamed.get(lease) ?? { downBytes: 0, upBytes: 0 };
    attempts.streamed.set(lease, {
      downBytes: before.downBytes + downBytes,
      upBytes: before.upBytes + upBytes,
    });
  }

  /** The run is over: what moves stops. */
  stopAll(now: number): void {
    const { attempts, transfers } = this.#options;
    for (const lease of transfers.streaming) this.cutOff(lease, now);
    for (const { lease, bytes } of transfers.stopAll(now)) attempts.stoppedBytes[lease] = bytes;
  }

  #isReplica(lease: number): boolean {
    const { world, attempts } = this.#options;
    return serviceOf(world, attempts.job[lease] ?? -1) !== undefined;
  }

  #nodeOf(lease: number): number {
    return this.#options.attempts.node[lease] ?? -1;
  }
}

/** At full speed. */
function runMsOf({ workGhzSeconds, isFloatingPoint }: WorldJob, { model, speedGhz }: WorldNode) {
  const part = isFloatingPoint ? model.floatingPart : 1;
  return (1000 * workGhzSeconds) / (part * speedGhz);
}

// A small federation whose bus, disks and processes fail as a property draws it, and a ledger of
// what its journal says became of each task.

import type { Lease } from '../../agent/core/index.ts';
import { decodeFrame } from '../../scheduler/adapters/journal/codec.ts';
import type {
  Command,
  Effect,
  JobId,
  JobTemplate,
  SiteBacklog,
} from '../../scheduler/core/index.ts';
import { instant, jobId, nodeId, siteId, tokenId } from '../../scheduler/core/index.ts';
import type { AppendFate } from '../../sim/kernel/memory-journal.ts';
import { MemoryDisk } from '../../sim/kernel/memory-journal.ts';
import { SimFederation } from '../../sim/world/federation.ts';
import { pi3, template } from '../scheduler/core/harness.ts';

/** What the bus does to one message. */
export interface Fault {
  readonly isLost: boolean;
  readonly copies: number;
  readonly delayMs: number;
}

export type Crash =
  | { readonly kind: 'scheduler'; readonly atMs: number }
  | { readonly kind: 'node'; readonly node: number; readonly atMs: number; readonly awayMs: number }
  /** In the append that follows so many batches. */
  | { readonly kind: 'append'; readonly batch: number; readonly fate: AppendFate };

export interface WorldOptions {
  readonly nodes: number;
  readonly tasks: number;
  /** Faults of the messages, in turn; after `faultsUntilMs` there are none. */
  readonly faults: readonly Fault[];
  readonly faultsUntilMs: number;
  readonly crashes: readonly Crash[];
  /** How long the first task takes; the others take a few seconds. */
  readonly firstTaskMs: number;
  /** The only node where it takes so long, a broken one; null: all. */
  readonly slowNode: string | null;
  /** Whether an attempt of this task fails. */
  readonly fails: (taskIndex: number, leaseId: number) => boolean;
  /** What is different with its job; and how long an attempt runs that starts so late. */
  readonly template?: Partial<JobTemplate>;
  readonly runMsOf?: (leaseId: number, sinceMs: number) => number;
}

export const startMs = 1_800_000_000_000;
export const job = jobId('job');
const slots = 2;

/** Counts, from what is written to the disk, how often each task ended for good. */
class Ledger extends MemoryDisk {
  readonly ends = new Map<number, number>();
  readonly #taskOf = new Map<number, number>();

  override write(frame: Buffer): void {
    super.write(frame);
    const batch = decodeFrame(frame, 0);
    if (batch.kind !== 'batch') throw new Error('a frame that cannot be read was written');
    for (const fact of batch.facts) {
      if (fact.kind === 'tasksLeased') {
        for (let row = 0; 6 * row < fact.rows.length; row += 1) {
          this.#taskOf.set(fact.firstLeaseId + row, fact.rows[6 * row + 1] ?? -1);
        }
      } else if (fact.kind === 'tasksEnded') {
        for (let at = 0; at < fact.rows.length; at += 5) this.#count(fact.rows.slice(at, at + 5));
      }
    }
  }

  /** A task's next state of 0 or 1 means that it goes on. */
  #count([leaseId = -1, , , , next = 0]: readonly number[]): void {
    const task = this.#taskOf.get(leaseId) ?? -1;
    if (next >= 2) this.ends.set(task, (this.ends.get(task) ?? 0) + 1);
  }
}

export class ProtocolWorld {
  readonly federation: SimFederation;
  readonly ledger = new Ledger();
  readonly #options: WorldOptions;
  readonly #fates = new Map<number, AppendFate>();

  private constructor(options: WorldOptions) {
    this.#options = options;
    for (const crash of options.crashes) {
      if (crash.kind === 'append') this.#fates.set(crash.batch, crash.fate);
    }
    this.federation = new SimFederation({
      start: instant(startMs),
      disk: this.ledger,
      fateOf: ({ order, atMs }) => this.#delays(order, atMs),
      appendFateOf: (batch) => {
        const fate = this.#fates.get(batch) ?? 'kept';
        // Each fate strikes once: the batch that is written after it has the same number.
        this.#fates.delete(batch);
        return fate;
      },
      schedulerAwayMs: 2_000,
      batchesBetweenSnapshots: 7,
      composeLease: (grant) => this.#compose(grant),
      behaviourOf: (node, lease) => ({
        fetchMs: 400,
        runMs:
          options.runMsOf?.(lease.leaseId, this.federation.clock.now() - startMs) ??
          (lease.taskIndex === 0 && (options.slowNode ?? node) === node
            ? options.firstTaskMs
            : 3_000 + 137 * (lease.taskIndex % 7)),
        uploadMs: 200,
        code: options.fails(lease.taskIndex, lease.leaseId) ? 'exited' : 'succeeded',
        // Without a result, with one that needs no grant, and with one that does.
        resultBytes: [0, 1_000, 100_000][lease.taskIndex % 3] ?? 0,
      }),
    });
  }

  /** Enrols the nodes and submits the job, before anything fails. */
  static async make(options: WorldOptions): Promise<ProtocolWorld> {
    const world = new ProtocolWorld(options);
    const { scheduler } = world.federation;
    await scheduler.start();
    await scheduler.submit({
      kind: 'setSite',
      siteId: siteId('home'),
      downBps: 1e6,
      upBps: 1e6,
      share: 1,
    });
    for (let node = 0; node < options.nodes; node += 1) await world.#enrol(`n${node}`);
    await world.#submit(job, {
      taskCount: options.tasks,
      taskInputBytes: new Array<number>(options.tasks).fill(50_000),
      retries: 2,
      ...options.template,
    });
    world.#planCrashes();
    return world;
  }

  /** With the command that a real node would be told to run. */
  #compose(grant: Extract<Effect, { kind: 'grant' }>): Lease {
    const context = this.federation.scheduler.view.leaseContext(grant);
    return { ...leaseOf(grant), command: [...(context?.template.command ?? [])] };
  }

  /** Asks the scheduler again and again until it is there and has answered; then goes on. */
  insist(command: Command, then: () => void): void {
    const { scheduler } = this.federation;
    let isAnswered = false;
    const hear = (): void => {
      if (!isAnswered) then();
      isAnswered = true;
    };
    const ask = (): void => {
      if (isAnswered) return;
      // One that dies answers nothing.
      if (scheduler.isUp) scheduler.submit(command).then(hear, () => undefined);
      this.federation.after(5_000, ask);
    };
    ask();
  }

  async #submit(id: JobId, changes: Partial<JobTemplate>): Promise<void> {
    await this.federation.scheduler.submit({
      kind: 'submitJob',
      jobId: id,
      researcher: 'ada',
      requestId: id,
      template: template(changes),
    });
  }

  /** What the site has in hand, as a job hears that no node can run. */
  async backlog(): Promise<SiteBacklog | undefined> {
    this.#fates.clear();
    const probe = jobId('probe');
    await this.#submit(probe, { memoryBytes: 1e15 });
    return this.federation.scheduler.view.explain(probe, null)?.sites[0];
  }

  async #enrol(name: string): Promise<void> {
    const { scheduler } = this.federation;
    await scheduler.submit({
      kind: 'createToken',
      tokenId: tokenId(name),
      hash: name,
      role: 'node',
      name: '',
      siteId: siteId('home'),
      expiresAt: instant(startMs + 1e9),
      uses: 1,
    });
    await scheduler.submit({
      kind: 'enrolNode',
      tokenHash: name,
      requestId: name,
      nodeId: nodeId(name),
      name,
      natsPublicKey: name,
      inventory: { ...pi3, slots },
    });
    const node = this.federation.addNode(name, slots);
    this.federation.after(100, () => node.start());
  }

  #planCrashes(): void {
    for (const crash of this.#options.crashes) {
      if (crash.kind === 'scheduler') {
        this.federation.after(crash.atMs, () => this.federation.crashScheduler());
      } else if (crash.kind === 'node') {
        const node = this.federation.nodes.get(`n${crash.node}`);
        this.federation.after(crash.atMs, () => node?.crash());
        this.federation.after(crash.atMs + crash.awayMs, () => {
          node?.crash();
          node?.start();
        });
      }
    }
  }

  #delays(order: number, atMs: number): readonly number[] {
    const { faults, faultsUntilMs } = this.#options;
    const fault = faults[order % Math.max(1, faults.length)];
    if (fault === undefined || atMs >= startMs + faultsUntilMs) return [20];
    if (fault.isLost) return [];
    return Array.from({ length: fault.copies }, (_, copy) => 20 + fault.delayMs * (copy + 1));
  }

  /** Runs until the job has ended and nobody keeps anything of it; returns whether that came. */
  settle(spanMs: number): Promise<boolean> {
    const { scheduler, nodes } = this.federation;
    return this.federation.runUntil(() => {
      if (!scheduler.isUp || scheduler.view.job(job)?.state === 'active') return false;
      const isForgotten = scheduler.view.nodes().every((node) => node.leases === 0);
      return isForgotten && [...nodes.values()].every((node) => node.keptAttempts === 0);
    }, spanMs);
  }
}

type LeaseIds = Pick<Lease, 'leaseId' | 'jobId' | 'taskIndex'>;

/** A lease as a node gets it. */
export function leaseOf({ leaseId, jobId: id, taskIndex }: LeaseIds): Lease {
  const blob = { sha256: '', sizeBytes: 50_000, capability: '' };
  return {
    leaseId,
    jobId: id,
    jobName: 'job',
    researcher: 'ada',
    taskIndex,
    command: [],
    environment: {},
    bundle: { ...blob, sizeBytes: 0 },
    isRootFileSystem: false,
    keepsCheckpoint: false,
    hasSocket: false,
    inputs: [{ ...blob, path: 'in' }],
    outputs: [],
    timeoutMs: 1,
    memoryBytes: 1,
    diskBytes: 1,
    uploadCapability: '',
  };
}

// The scheduler's core and agents' cores over a bus that loses, repeats, delays and reorders, in
// virtual time; agents and the scheduler crash and come back. The simulator grows from this.

import { take, AgentState, nextDeadlineMs } from '../../agent/core/index.ts';
import type * as agent from '../../agent/core/index.ts';
import type { DurableFact, Effect, NodeSpoke } from '../../scheduler/core/index.ts';
import {
  State,
  apply,
  decide,
  imageOf,
  instant,
  jobId,
  leaseId,
  nodeId,
  siteId,
  stateOf,
  toJournal,
  tokenId,
} from '../../scheduler/core/index.ts';
import { pi3, template } from '../scheduler/core/harness.ts';

/** What the bus does to one message; drawn by the property. */
export interface Fault {
  readonly isLost: boolean;
  readonly copies: number;
  readonly delayMs: number;
}

export type Crash = { readonly atMs: number; readonly who: 'scheduler' | number };

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export interface WorldOptions {
  readonly nodes: number;
  readonly tasks: number;
  /** Faults of the messages, in turn; after `faultsUntilMs` there are none. */
  readonly faults: readonly Fault[];
  readonly faultsUntilMs: number;
  readonly crashes: readonly Crash[];
  /** Whether the task's attempt number `attempt` fails. */
  readonly fails: (task: number, attempt: number) => boolean;
}

export class ProtocolWorld {
  readonly #options: WorldOptions;
  readonly #queue: Due[] = [];
  #order = 0;
  nowMs = 1_800_000_000_000;
  #faultIndex = 0;
  // The scheduler: its state, and what is on its disk.
  state = new State();
  #journal: (readonly DurableFact[])[] = [];
  #image = imageOf(new State());
  readonly #nodes: WorldNode[] = [];
  /** For each task, results that were journalled as the task's end. */
  readonly ends = new Map<number, number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#give({ kind: 'setSite', siteId: siteId('home'), downBps: 1e6, upBps: 1e6, share: 1 });
    for (let number = 0; number < options.nodes; number += 1) {
      const name = `n${number}`;
      this.#give({
        kind: 'createToken',
        tokenId: tokenId(name),
        hash: name,
        role: 'node',
        name: '',
        siteId: siteId('home'),
        expiresAt: instant(this.nowMs + 1e9),
        uses: 1,
      });
      this.#give({
        kind: 'enrolNode',
        tokenHash: name,
        requestId: name,
        nodeId: nodeId(name),
        name,
        natsPublicKey: name,
        inventory: { ...pi3, slots: 2 },
      });
      this.#nodes.push(new WorldNode(this, name, options.fails));
    }
    this.#give({
      kind: 'submitJob',
      jobId: jobId('job'),
      researcher: 'ada',
      requestId: 'once',
      template: template({
        taskCount: options.tasks,
        taskInputBytes: new Array<number>(options.tasks).fill(50_000),
        retries: 2,
      }),
    });
    for (const { atMs, who } of options.crashes) {
      this.later(atMs, () => (who === 'scheduler' ? this.#restart() : this.#nodes[who]?.crash()));
    }
    this.later(1_000, () => this.#tick());
  }

  /** Runs until the job has ended or the time is over; returns whether it ended. */
  runFor(spanMs: number): boolean {
    const untilMs = this.nowMs + spanMs;
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined || next.atMs > untilMs) return false;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      if (this.state.jobById.get(jobId('job'))?.state !== 'active' && this.#isQuiet()) return true;
    }
  }

  /** Nobody holds anything any more. */
  #isQuiet(): boolean {
    return this.#nodes.every((node) => node.held === 0);
  }

  later(afterMs: number, run: () => void): void {
    const due = { atMs: this.nowMs + afterMs, order: (this.#order += 1), run };
    let at = this.#queue.length;
    while (at > 0 && (this.#queue[at - 1]?.atMs ?? 0) > due.atMs) at -= 1;
    this.#queue.splice(at, 0, due);
  }

  /** Sends over the bus, with whatever fault is next. */
  send(deliver: () => void): void {
    const faults = this.#options.faults;
    const isFaulty = this.nowMs < 1_800_000_000_000 + this.#options.faultsUntilMs;
    const fault = isFaulty ? faults[this.#faultIndex++ % Math.max(1, faults.length)] : undefined;
    if (fault === undefined) return this.later(20, deliver);
    if (fault.isLost) return;
    for (let copy = 0; copy < fault.copies; copy += 1) {
      this.later(20 + fault.delayMs * (copy + 1), deliver);
    }
  }

  hear(command: NodeSpoke): void {
    this.#give(command);
  }

  #tick(): void {
    this.#give({ kind: 'tick' });
    this.later(1_000, () => this.#tick());
  }

  #give(command: Parameters<typeof decide>[1]): void {
    const now = instant(this.nowMs);
    const effects: Effect[] = [];
    const facts = [];
    for (const each of [command, { kind: 'place' } as const]) {
      const decision = decide(this.state, each, now);
      for (const fact of decision.facts) {
        this.#countEnds(fact);
        apply(this.state, fact);
      }
      facts.push(...decision.facts);
      effects.push(...decision.effects);
    }
    const durable = toJournal(facts);
    if (durable.length > 0) this.#journal.push(durable);
    for (const effect of effects) {
      if (!('nodeId' in effect)) continue;
      const node = this.#nodes.find(({ name }) => name === effect.nodeId);
      if (node !== undefined) this.send(() => node.hear(effect));
    }
  }

  #countEnds(fact: { readonly kind: string }): void {
    const ended = fact as Extract<DurableFact, { kind: 'tasksEnded' }>;
    if (ended.kind !== 'tasksEnded') return;
    for (let at = 0; at < ended.rows.length; at += 5) {
      if (ended.rows[at + 4] !== 2) continue;
      const lease = this.state.leases.get(leaseId(ended.rows[at] ?? 0));
      const task = lease?.taskIndex ?? -1;
      this.ends.set(task, (this.ends.get(task) ?? 0) + 1);
    }
  }

  /** Killed and started again: what was not on disk is gone. */
  #restart(): void {
    const text = JSON.stringify(this.#journal);
    const copy = JSON.parse(text) as (readonly DurableFact[])[];
    const state = stateOf(this.#image);
    for (const batch of copy) for (const fact of batch) apply(state, fact);
    this.state = state;
    // Every second restart also finds a snapshot instead of the whole journal.
    if (this.#journal.length % 2 === 0) {
      this.#image = imageOf(state);
      this.#journal = [];
    }
  }
}

/** A node whose world answers at once or after a while, and whose disk outlives its process. */
class WorldNode {
  readonly name: string;
  readonly #world: ProtocolWorld;
  readonly #fails: WorldOptions['fails'];
  #state = new AgentState();
  #instance = 0;
  #sequence = 0;
  readonly #attemptsOf = new Map<number, number>();
  /** On disk: attempts that started, and how they ended. */
  readonly #disk = new Map<number, { lease: agent.Lease; exit: agent.Exit | null }>();

  constructor(world: ProtocolWorld, name: string, fails: WorldOptions['fails']) {
    this.#world = world;
    this.name = name;
    this.#fails = fails;
    world.later(100, () => this.#start());
  }

  get held(): number {
    return this.#state.attempts.size;
  }

  crash(): void {
    this.#start();
  }

  #start(): void {
    this.#instance += 1;
    this.#sequence = 0;
    this.#state = new AgentState();
    const attempts = [...this.#disk.values()].map(({ lease, exit }) =>
      exit === null
        ? ({ lease, phase: 'running' } as const)
        : ({ lease, phase: 'exited', exit } as const),
    );
    const allowance = { slots: 2, isAccepting: true, notAccepting: null };
    this.#give({ kind: 'allowanceChanged', allowance });
    this.#give({ kind: 'adopted', attempts });
    this.#give({ kind: 'connected' });
  }

  /** One effect of the scheduler, as a message of its own. */
  hear(effect: Effect): void {
    const blank = {
      kind: 'schedulerSpoke' as const,
      grants: [],
      cancels: [],
      acknowledged: [],
      transfers: [],
      blobsMissing: [],
      wantsReport: effect.kind === 'askReport',
      isQuarantined: effect.kind === 'quarantine',
      reportIntervalMs: 0,
    };
    if (effect.kind === 'grant') {
      this.#give({ ...blank, grants: [leaseOf(effect.leaseId, effect.taskIndex)] });
    } else if (effect.kind === 'cancel') this.#give({ ...blank, cancels: [effect.leaseId] });
    else if (effect.kind === 'acknowledge')
      this.#give({ ...blank, acknowledged: [effect.leaseId] });
    else if (effect.kind === 'transfer') this.#give({ ...blank, transfers: [effect] });
    else this.#give(blank);
  }

  #give(command: agent.Command): void {
    const parts: agent.SayPart[] = [];
    for (const effect of take(this.#state, command, this.#world.nowMs)) {
      if (effect.kind === 'say') parts.push(effect.part);
      else this.#carryOut(effect);
    }
    if (parts.length > 0) this.#say(parts);
    const due = nextDeadlineMs(this.#state);
    const instance = this.#instance;
    if (due !== null) {
      this.#world.later(Math.max(1, due - this.#world.nowMs), () => {
        if (instance === this.#instance && nextDeadlineMs(this.#state) === due) {
          this.#give({ kind: 'tick' });
        }
      });
    }
  }

  #carryOut(effect: Exclude<agent.Effect, { kind: 'say' }>): void {
    const instance = this.#instance;
    const answer = (afterMs: number, command: agent.Command): void =>
      this.#world.later(afterMs, () => {
        if (instance === this.#instance) this.#give(command);
      });
    switch (effect.kind) {
      case 'measureInputs':
        return answer(1, {
          kind: 'inputsMeasured',
          leaseId: effect.lease.leaseId,
          missingBytes: 50_000,
        });
      case 'fetch':
        return answer(400, { kind: 'fetched', leaseId: effect.lease.leaseId });
      case 'start':
        return this.#run(effect.lease);
      case 'stop':
        return this.#exit(effect.leaseId, effect.code);
      case 'collect':
        return answer(2, {
          kind: 'collected',
          leaseId: effect.lease.leaseId,
          exit: effect.exit,
          result: null,
          sizeBytes: 0,
        });
      case 'forget':
        this.#disk.delete(effect.leaseId);
        return;
      default:
        return;
    }
  }

  /** The task runs in its shim, whatever becomes of the agent. */
  #run(lease: agent.Lease): void {
    const { leaseId: id, taskIndex } = lease;
    const attempt = (this.#attemptsOf.get(taskIndex) ?? 0) + 1;
    this.#attemptsOf.set(taskIndex, attempt);
    this.#disk.set(id, { lease, exit: null });
    this.#give({ kind: 'started', leaseId: id });
    const code = this.#fails(taskIndex, attempt) ? 'exited' : 'succeeded';
    this.#world.later(3_000 + 137 * (taskIndex % 7), () => this.#exit(id, code));
  }

  #exit(id: number, code: agent.EndCode): void {
    const entry = this.#disk.get(id);
    if (entry === undefined || entry.exit !== null) return;
    entry.exit = { code, exitCode: 0, cpuMs: 3_000, wallMs: 3_000, detail: '' };
    this.#give({ kind: 'exited', leaseId: id, exit: entry.exit });
  }

  #say(parts: readonly agent.SayPart[]): void {
    this.#sequence += 1;
    const of = <K extends agent.SayPart['kind']>(kind: K) =>
      parts.filter((part): part is Extract<agent.SayPart, { kind: K }> => part.kind === kind);
    const command: NodeSpoke = {
      kind: 'nodeSpoke',
      nodeId: nodeId(this.name),
      instanceNumber: this.#instance,
      instanceId: `${this.name} ${this.#instance}`,
      sequence: this.#sequence,
      status: null,
      inventory: null,
      held: of('report')[0]?.held.map(leaseId) ?? null,
      started: of('started').map((part) => leaseId(part.leaseId)),
      exited: of('exited').map((part) => leaseId(part.leaseId)),
      ended: of('ended').map(({ leaseId: id, exit }) => ({
        ...exit,
        leaseId: leaseId(id),
        result: null,
        isResultPresent: true,
      })),
      transfersWanted: of('transferWanted').map((part) => ({
        ...part,
        leaseId: leaseId(part.leaseId),
      })),
      transfersDone: of('transferDone').map((part) => ({
        ...part,
        leaseId: leaseId(part.leaseId),
      })),
    };
    this.#world.send(() => this.#world.hear(command));
  }
}

function leaseOf(id: number, taskIndex: number): agent.Lease {
  return {
    leaseId: id,
    jobId: 'job',
    jobName: 'job',
    researcher: 'ada',
    taskIndex,
    command: [],
    environment: {},
    bundle: { sha256: '', sizeBytes: 0, capability: '' },
    isRootFileSystem: false,
    inputs: [],
    outputs: [],
    timeoutMs: 1,
    memoryBytes: 1,
    diskBytes: 1,
    uploadCapability: '',
  };
}

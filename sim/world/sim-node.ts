// A simulated node: the agent's real loop and core, with an edge that takes virtual time. Tasks run
// in shims that outlive the agent; what the agent keeps on its disk outlives it too.

import type * as agent from '../../agent/core/index.ts';
import { fullAllowance } from '../../agent/core/index.ts';
import { AgentLoop } from '../../agent/loop.ts';
import type { NodeSpoke } from '../../scheduler/core/index.ts';
import { leaseId, nodeId, sha256 } from '../../scheduler/core/index.ts';
import { ProcessClock } from '../kernel/process-clock.ts';
import type { VirtualClock } from '../kernel/virtual-clock.ts';

/** What the node's machine does with a task. */
export interface Behaviour {
  readonly fetchMs: number;
  readonly runMs: number;
  readonly uploadMs: number;
  readonly code: agent.EndCode;
  readonly resultBytes: number;
}

export interface SimNodeOptions {
  readonly id: string;
  readonly slots: number;
  readonly clock: VirtualClock;
  readonly behaviourOf: (lease: agent.Lease) => Behaviour;
  /** Sends to the scheduler, over the bus. */
  readonly say: (message: NodeSpoke) => void;
  /** Sends a blob to the scheduler; false: nobody took it. */
  readonly upload: (sha256: string) => boolean;
}

interface Kept {
  readonly lease: agent.Lease;
  exit: agent.Exit | null;
  result: agent.BlobRef | null;
  /** Its result is where the scheduler is. */
  isSent: boolean;
}

export class SimNode {
  readonly id: string;
  readonly #options: SimNodeOptions;
  readonly #disk = new Map<number, Kept>();
  #instanceNumber = 0;
  #process: { readonly loop: AgentLoop; readonly clock: ProcessClock } | undefined;
  #sequence = 0;
  #isQuarantined = false;
  readonly #runs = new Map<number, number>();

  constructor(options: SimNodeOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** Attempts of which anything is left on its disk. */
  get keptAttempts(): number {
    return this.#disk.size;
  }

  /** Leases whose task runs, whatever became of the agent. */
  get running(): readonly agent.Lease[] {
    return [...this.#disk.values()].filter(({ exit }) => exit === null).map(({ lease }) => lease);
  }

  /** How often each lease's task was started; more than once is wrong. */
  get runs(): ReadonlyMap<number, number> {
    return this.#runs;
  }

  get isQuarantined(): boolean {
    return this.#isQuarantined;
  }

  start(): void {
    this.#instanceNumber += 1;
    this.#sequence = 0;
    const clock = new ProcessClock(this.#options.clock);
    const loop = new AgentLoop({
      clock,
      sink: { carryOut: (effects) => this.#carryOut(effects) },
    });
    this.#process = { loop, clock };
    const allowance = fullAllowance(this.#options.slots);
    loop.post({ kind: 'allowanceChanged', allowance });
    loop.post({ kind: 'adopted', attempts: [...this.#disk.values()].map(adopted) });
    loop.post({ kind: 'connected' });
  }

  /** `kill -9` of the agent; its tasks run on in their shims. */
  crash(): void {
    this.#process?.clock.die();
    this.#process?.loop.stop();
    this.#process = undefined;
  }

  /** One message of the scheduler arrives; it is for one instance only. */
  hear(instanceId: string, message: Omit<Spoken, 'kind'>): void {
    const isForUs = instanceId === '' || instanceId === this.#instanceId;
    if (!isForUs && !message.isQuarantined) return;
    this.#process?.loop.post({ kind: 'schedulerSpoke', ...message });
  }

  get #instanceId(): string {
    return `${this.id} ${this.#instanceNumber}`;
  }

  #carryOut(effects: readonly agent.Effect[]): void {
    const parts: agent.SayPart[] = [];
    for (const effect of effects) {
      if (effect.kind === 'say') parts.push(effect.part);
      else this.#carry(effect);
    }
    if (parts.length > 0) this.#say(parts);
  }

  #carry(effect: Exclude<agent.Effect, { kind: 'say' }>): void {
    switch (effect.kind) {
      case 'measureInputs': {
        const { lease } = effect;
        const missingBytes = lease.inputs.reduce((sum, input) => sum + input.sizeBytes, 0);
        return this.#answer(1, { kind: 'inputsMeasured', leaseId: lease.leaseId, missingBytes });
      }
      case 'fetch': {
        const { fetchMs } = this.#options.behaviourOf(effect.lease);
        return this.#answer(fetchMs, { kind: 'fetched', leaseId: effect.lease.leaseId });
      }
      case 'start':
        return this.#run(effect.lease);
      case 'stop':
        return this.#exit(effect.leaseId, effect.code);
      case 'collect':
        return this.#collect(effect.lease, effect.exit);
      case 'upload':
        return this.#upload(effect.lease);
      case 'forget':
        this.#disk.delete(effect.leaseId);
        return;
      case 'quarantined':
        this.#isQuarantined = true;
        return;
    }
  }

  #answer(afterMs: number, command: agent.Command): void {
    const process = this.#process;
    process?.clock.callAfter(afterMs, () => process.loop.post(command));
  }

  #run(lease: agent.Lease): void {
    const { runMs, code } = this.#options.behaviourOf(lease);
    this.#runs.set(lease.leaseId, (this.#runs.get(lease.leaseId) ?? 0) + 1);
    this.#disk.set(lease.leaseId, { lease, exit: null, result: null, isSent: false });
    this.#answer(1, { kind: 'started', leaseId: lease.leaseId });
    // The shim's own clock, not the agent's: the task ends whatever becomes of the agent.
    new ProcessClock(this.#options.clock).callAfter(runMs, () => this.#exit(lease.leaseId, code));
  }

  #exit(id: number, code: agent.EndCode): void {
    const kept = this.#disk.get(id);
    if (kept === undefined || kept.exit !== null) return;
    const { runMs } = this.#options.behaviourOf(kept.lease);
    kept.exit = { code, exitCode: 0, cpuMs: runMs, wallMs: runMs, detail: '' };
    this.#process?.loop.post({ kind: 'exited', leaseId: id, exit: kept.exit });
  }

  #collect(lease: agent.Lease, exit: agent.Exit): void {
    const { resultBytes } = this.#options.behaviourOf(lease);
    const result =
      resultBytes === 0 ? null : { sha256: hashOf(lease.leaseId), sizeBytes: resultBytes };
    const { leaseId: id } = lease;
    const kept = this.#disk.get(id);
    if (kept !== undefined) kept.result = result;
    this.#answer(2, { kind: 'collected', leaseId: id, exit, result, sizeBytes: resultBytes });
  }

  #upload(lease: agent.Lease): void {
    const process = this.#process;
    const { leaseId: id } = lease;
    process?.clock.callAfter(this.#options.behaviourOf(lease).uploadMs, () => {
      const isTaken = this.#options.upload(hashOf(id));
      const kept = this.#disk.get(id);
      if (isTaken && kept !== undefined) kept.isSent = true;
      process.loop.post(
        isTaken
          ? { kind: 'uploaded', leaseId: id }
          : { kind: 'uploadFailed', leaseId: id, detail: 'nobody is there' },
      );
    });
  }

  #say(parts: readonly agent.SayPart[]): void {
    this.#sequence += 1;
    this.#options.say({
      kind: 'nodeSpoke',
      nodeId: nodeId(this.id),
      instanceNumber: this.#instanceNumber,
      instanceId: this.#instanceId,
      sequence: this.#sequence,
      status: null,
      inventory: null,
      ...spoken(parts),
    });
  }
}

type Spoken = Extract<agent.Command, { kind: 'schedulerSpoke' }>;

function adopted({ lease, exit, result, isSent }: Kept): agent.AdoptedAttempt {
  if (exit === null) return { lease, phase: 'running' };
  return isSent
    ? { lease, phase: 'sent', exit, result, heldMs: 0 }
    : { lease, phase: 'exited', exit, heldMs: 0 };
}

/** The blob of an attempt's result; each attempt has another. */
export function hashOf(id: number): string {
  return id.toString(16).padStart(64, '0');
}

function spoken(parts: readonly agent.SayPart[]) {
  const of = <K extends agent.SayPart['kind']>(kind: K) =>
    parts.filter((part): part is Extract<agent.SayPart, { kind: K }> => part.kind === kind);
  const ids = (kind: 'started' | 'exited') => of(kind).map((part) => leaseId(part.leaseId));
  return {
    held: of('report')[0]?.held.map(leaseId) ?? null,
    started: ids('started'),
    exited: ids('exited'),
    ended: of('ended').map(({ leaseId: id, exit, result }) => ({
      ...exit,
      leaseId: leaseId(id),
      result: result === null ? null : { ...result, sha256: sha256(result.sha256) },
      isResultPresent: false,
    })),
    transfersWanted: of('transferWanted').map((part) => ({
      ...part,
      leaseId: leaseId(part.leaseId),
    })),
    transfersDone: of('transferDone').map((part) => ({ ...part, leaseId: leaseId(part.leaseId) })),
  };
}

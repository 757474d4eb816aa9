// The scheduler's core without its loop: gives commands, applies what is decided, keeps the effects.

import type {
  Command,
  Decision,
  Effect,
  Fact,
  JobTemplate,
  LeaseId,
  NodeSpoke,
  NodeStatus,
} from '../../../scheduler/core/index.ts';
import {
  State,
  StateView,
  apply,
  decide,
  instant,
  jobId,
  nodeId,
  sha256,
  siteId,
  tokenId,
} from '../../../scheduler/core/index.ts';
import { balance } from '../../../scheduler/core/placement/policies/balance.ts';
import type { Inventory } from '../../../scheduler/core/index.ts';
import type { NodeRecord } from '../../../scheduler/core/state.ts';

export const pi3: Inventory = {
  architecture: 'aarch64',
  userland: 'arm64',
  model: 'Raspberry Pi 3 Model B',
  slots: 4,
  speedGhz: 1.2,
  memoryBytes: 1_000_000_000,
  diskBytes: 10_000_000_000,
  agentVersion: '0.1.0',
  nodeVersion: '20.0.0',
  lan: '192.168.1.0/24',
  sandbox: 'cgroup-v1',
};

const hash = sha256('ab'.repeat(32));

export function template(changes: Partial<JobTemplate> = {}): JobTemplate {
  return {
    name: 'job',
    bundles: [{ architecture: 'armv6l', sha256: hash, sizeBytes: 1_000, isRootFileSystem: false }],
    command: ['bin/run', '{index}'],
    environment: {},
    sharedInputs: [],
    outputs: ['out'],
    taskCount: 4,
    manifest: null,
    taskInputBytes: [],
    profile: { workGhzSeconds: 10, outputBytes: 0 },
    timeoutMs: 3_600_000,
    memoryBytes: 64_000_000,
    diskBytes: 100_000_000,
    retries: 3,
    priority: 0,
    lostAfterMs: 15 * 60_000,
    after: [],
    deadlineAt: null,
    service: null,
    ...changes,
  };
}

/** What a node says that may be asked for anything. */
export const accepting: NodeStatus = {
  ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
  ...{ uplink: null, isAccepting: true, notAccepting: null, slots: 4, hoursLeftMs: null },
  ...{ refuses: [], month: null },
};

function submission(name: string, changes: Partial<JobTemplate>, requestId: string): Command {
  const about = { jobId: jobId(name), researcher: 'ada', requestId };
  return { kind: 'submitJob', ...about, template: template({ name, ...changes }) };
}

/** Ids of the leases in force of a node. */
export function heldBy(node: NodeRecord | undefined): readonly LeaseId[] {
  return node?.leases.map(({ leaseId }) => leaseId) ?? [];
}

/** What a node says of an attempt that ended. */
export function endOf(
  leaseId: LeaseId,
  code: 'succeeded' | 'exited' | 'given_back' = 'succeeded',
): NodeSpoke['ended'][number] {
  const times = { exitCode: 0, cpuMs: 1_000, wallMs: 1_000 };
  return { leaseId, code, ...times, result: null, isResultPresent: true };
}

export class CoreHarness {
  state = new State();
  /** The one that waits for no plan. */
  policy = balance;
  nowMs = 1_800_000_000_000;
  effects: Effect[] = [];
  /** All that was decided. */
  readonly facts: Fact[] = [];
  #sequence = 0;

  get view(): StateView {
    return new StateView(this.state, { now: () => instant(this.nowMs), policy: this.policy });
  }

  /** Decides and applies one command, and then fills free slots, as the loop does. */
  give(command: Command): Decision {
    const decision = this.#one(command);
    this.#one({ kind: 'place' });
    return decision;
  }

  /** The same for all commands of a batch. */
  giveAll(commands: readonly Command[]): void {
    for (const command of commands) this.#one(command);
    this.#one({ kind: 'place' });
  }

  #one(command: Command): Decision {
    const decision = decide(this.state, command, {
      now: instant(this.nowMs),
      policy: this.policy,
    });
    for (const fact of decision.facts) apply(this.state, fact);
    this.facts.push(...decision.facts);
    this.effects.push(...decision.effects);
    return decision;
  }

  /** What the core asked for since the last call. */
  take<K extends Effect['kind']>(kind: K): Extract<Effect, { kind: K }>[] {
    const found = this.effects.filter(
      (effect): effect is Extract<Effect, { kind: K }> => effect.kind === kind,
    );
    this.effects = this.effects.filter((effect) => effect.kind !== kind);
    return found;
  }

  setSite(name: string, downBps: number, upBps = downBps): void {
    this.give({ kind: 'setSite', siteId: siteId(name), downBps, upBps, share: 1 });
  }

  token(name: string, changes: { site?: string; uses?: number; expiresInMs?: number } = {}): void {
    this.give({
      kind: 'createToken',
      tokenId: tokenId(name),
      hash: `hash of ${name}`,
      role: 'node',
      name: '',
      siteId: changes.site === undefined ? null : siteId(changes.site),
      expiresAt: instant(this.nowMs + (changes.expiresInMs ?? 3_600_000)),
      uses: changes.uses ?? 1,
    });
  }

  /** Lets a researcher in. */
  researcher(name: string): void {
    this.give({
      ...{ kind: 'createToken', tokenId: tokenId(`of ${name}`), hash: `hash of ${name}` },
      ...{ role: 'researcher', name, siteId: null, uses: null },
      expiresAt: instant(this.nowMs + 3_600_000),
    });
  }

  enrol(name: string, token: string, inventory: Inventory = pi3): Decision {
    return this.give({
      kind: 'enrolNode',
      tokenHash: `hash of ${token}`,
      requestId: `request of ${name}`,
      nodeId: nodeId(name),
      name,
      natsPublicKey: `key of ${name}`,
      inventory,
    });
  }

  /** Enrols a node at a site and lets it report for the first time. */
  node(name: string, site: string, inventory: Inventory = pi3): void {
    this.token(`token of ${name}`, { site });
    this.enrol(name, `token of ${name}`, inventory);
    this.speak(name, { held: [] });
  }

  submit(name: string, changes: Partial<JobTemplate> = {}, requestId = name): Decision {
    return this.give(submission(name, changes, requestId));
  }

  /** In one batch. */
  submitAll(jobs: Readonly<Record<string, Partial<JobTemplate>>>): void {
    this.giveAll(Object.entries(jobs).map(([name, changes]) => submission(name, changes, name)));
  }

  speak(name: string, changes: Partial<NodeSpoke> = {}): Decision {
    this.#sequence += 1;
    return this.give({
      kind: 'nodeSpoke',
      nodeId: nodeId(name),
      instanceNumber: 1,
      instanceId: 'first',
      sequence: this.#sequence,
      status: null,
      inventory: null,
      held: null,
      started: [],
      exited: [],
      ended: [],
      transfersWanted: [],
      transfersDone: [],
      ...changes,
    });
  }

  end(name: string, leaseId: LeaseId, code: 'succeeded' | 'exited' | 'given_back'): Decision {
    return this.speak(name, { ended: [endOf(leaseId, code)] });
  }

  wait(spanMs: number): void {
    this.nowMs += spanMs;
    this.give({ kind: 'tick' });
  }
}

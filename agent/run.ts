// `punnet-agent run`: puts core, adapters and world together, and stops them in the reverse order.

import { randomUUID } from 'node:crypto';
import type { Inventory, NodeStatus } from '../proto/gen/punnet/v1/node.ts';
import { RateSource, Refusal } from '../proto/gen/punnet/v1/common.ts';
import { BlobClient } from './adapters/blobs/blob-client.ts';
import { NodeBus } from './adapters/bus/node-bus.ts';
import { allow } from './adapters/owner/allowance.ts';
import type { Limits } from './adapters/owner/limits.ts';
import { defaultLimits, readLimits } from './adapters/owner/limits.ts';
import { readLan } from './adapters/probe/lan.ts';
import { readStatus } from './adapters/probe/status.ts';
import { Bundles } from './adapters/sandbox/bundles.ts';
import type { Abilities } from './adapters/sandbox/self-test.ts';
import { Sandbox } from './adapters/sandbox/sandbox.ts';
import type { StateFolder } from './adapters/state/state-folder.ts';
import { AgentError } from './adapters/state/state-folder.ts';
import type { Allowance, Command, SayPart } from './core/index.ts';
import { Edge, adoptAttempts } from './edge.ts';
import { AgentLoop } from './loop.ts';

const allowancePollMs = 5_000;

/** A JSON line; a Pi's journal keeps them. */
export function log(event: string, fields: Record<string, unknown> = {}): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
}

/** Runs until SIGTERM or SIGINT; tasks then go on in their shims. Returns the exit code. */
export async function run(
  state: StateFolder,
  inventory: Inventory,
  isUnsandboxedAllowed: boolean,
): Promise<number> {
  const identity = state.readIdentity();
  const keys = state.readKeys();
  if (identity === null || keys === null) {
    throw new AgentError(
      `${state.path} holds no enrolled node: enrol it first (punnet-agent enrol URL TOKEN).`,
    );
  }
  await state.lock();
  const sandbox = new Sandbox({
    stateFolder: state.path,
    allowUnsandboxed: isUnsandboxedAllowed,
  });
  const abilities = await sandbox.selfTest();
  const owner = new Owner(state, inventory, sandboxProblem(abilities, isUnsandboxedAllowed));
  const blobs = new BlobClient({
    folder: state.file('blobs'),
    url: identity.httpsUrl,
    ca: identity.caPem,
  });
  await blobs.start();
  const bundles = new Bundles(state.file('bundles'));
  await bundles.start();
  const instance = { instanceNumber: state.countStart(), instanceId: randomUUID() };
  let ended: (code: number) => void = () => undefined;
  const end = new Promise<number>((resolve) => (ended = resolve));
  const post = (command: Command): void => loop.post(command);
  const bus = new NodeBus({
    identity,
    natsSeed: keys.natsSeed,
    instanceId: instance.instanceId,
    post,
    log,
  });
  // It may have been carried to another network since it was enrolled.
  const told = { ...inventory, sandbox: abilities.backend, lan: readLan() };
  let sequence = 0;
  const say = (parts: readonly SayPart[]): void => {
    sequence += 1;
    // The inventory goes with the first reports only: it does not change while the agent runs.
    const isNews = sequence <= 3;
    const status = owner.status();
    bus.say(parts, { ...instance, sequence, status, inventory: isNews ? told : undefined });
  };
  const edge = new Edge({
    ...{ sandbox, blobs, bundles, post, say, log },
    onQuarantined: () => ended(3),
  });
  const loop = new AgentLoop({ clock: systemClock, sink: edge });
  post({ kind: 'allowanceChanged', allowance: owner.look() });
  post({ kind: 'adopted', attempts: await adoptAttempts(sandbox) });
  const poll = setInterval(() => {
    const before = JSON.stringify(owner.allowance);
    const allowance = owner.look();
    if (JSON.stringify(allowance) !== before) post({ kind: 'allowanceChanged', allowance });
    void blobs.trim(owner.limits.cacheBytes, new Set()).catch((error: unknown) => {
      log('blobs not trimmed', { error: String(error) });
    });
  }, allowancePollMs);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended(0));
  log('started', { node: identity.nodeId, ...instance, sandbox: abilities.backend });
  void bus.start();
  const code = await end;
  clearInterval(poll);
  loop.stop();
  sandbox.close();
  await bus.stop();
  blobs.stop();
  log('stopped', { code });
  return code;
}

function sandboxProblem(abilities: Abilities, isUnsandboxedAllowed: boolean): string | null {
  if (abilities.backend !== 'bare' || isUnsandboxedAllowed) return null;
  // The scheduler takes reasons of at most 256 characters.
  return `it has no sandbox: ${abilities.problems.join('; ')}`.slice(0, 250);
}

const systemClock = {
  nowMs: () => performance.now(),
  callAfter: (spanMs: number, callback: () => void) => {
    const timer = setTimeout(callback, spanMs);
    return () => clearTimeout(timer);
  },
};

/** The owner's limits as they stand, and what follows from them. */
class Owner {
  limits: Limits = defaultLimits;
  allowance: Allowance = { slots: 0, isAccepting: false, notAccepting: null };
  readonly #state: StateFolder;
  readonly #inventory: Inventory;
  readonly #sandboxProblem: string | null;

  constructor(state: StateFolder, inventory: Inventory, problem: string | null) {
    this.#state = state;
    this.#inventory = inventory;
    this.#sandboxProblem = problem;
  }

  /** Reads limits and machine again. A limits file with a mistake stops new tasks. */
  look(): Allowance {
    let limitsProblem: string | null = null;
    try {
      this.limits = readLimits(this.#state.file('limits.json'));
    } catch (error) {
      limitsProblem = (error instanceof Error ? error.message : String(error)).slice(0, 250);
    }
    const { diskAvailableBytes, temperatureCelsius } = readStatus(this.#state.path);
    const now = new Date();
    this.allowance = allow(this.limits, {
      slots: this.#inventory.slots,
      diskAvailableBytes,
      temperatureC: temperatureCelsius,
      minuteOfDay: 60 * now.getHours() + now.getMinutes(),
      sandboxProblem: this.#sandboxProblem,
      limitsProblem,
    });
    return this.allowance;
  }

  status(): NodeStatus {
    const reading = readStatus(this.#state.path);
    const { slots, isAccepting, notAccepting } = this.allowance;
    const { uplink } = this.limits;
    return {
      load: reading.load,
      memoryAvailableBytes: reading.memoryAvailableBytes,
      diskAvailableBytes: reading.diskAvailableBytes,
      temperatureC: reading.temperatureCelsius ?? 0,
      uplink:
        uplink === null
          ? undefined
          : { ...uplink, source: RateSource.DECLARED, ageMs: 0, spread: 0 },
      isAccepting,
      notAccepting: notAccepting === null ? undefined : Refusal.fromPartial(notAccepting),
      slots,
    };
  }
}

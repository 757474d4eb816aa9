// Many agents in one process: each has the agent's own core, loop and bus adapter, an identity that
// it enrolled, and a TLS connection of its own. Only the edge is light: a task ends when it starts.
// Started by `light-federation.ts`.

import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeBus } from '../agent/adapters/bus/node-bus.ts';
import { enrol } from '../agent/adapters/enrol/enrol.ts';
import { StateFolder } from '../agent/adapters/state/state-folder.ts';
import type { BlobRef, Command, Effect, Lease, SayPart } from '../agent/core/index.ts';
import { fullAllowance } from '../agent/core/index.ts';
import { AgentLoop } from '../agent/loop.ts';
import type { Inventory, NodeStatus } from '../proto/gen/punnet/v1/node.ts';
import { answerParent } from './child.ts';
import type { LightOptions, LightQuestion, Told } from './light-federation.ts';

/** Enrolments under way at a time. */
const enrolments = 8;
const enrolTries = 5;

const inventory: Inventory = {
  architecture: 'x86_64',
  userland: 'amd64',
  model: 'light',
  slots: 1,
  speedGhz: 1,
  memoryBytes: 1_000_000_000,
  diskBytes: 10_000_000_000,
  agentVersion: '0.1.0',
  nodeVersion: '20.0.0',
  lan: '192.168.1.0/24',
  sandbox: 'none',
};

const status: NodeStatus = {
  load: 0.5,
  memoryAvailableBytes: 500_000_000,
  diskAvailableBytes: 9_000_000_000,
  temperatureC: 50,
  uplink: { downBps: 20e6, upBps: 4e6, source: 2, ageMs: 1_000, spread: 0.1 },
  isAccepting: true,
  notAccepting: undefined,
  refuses: [],
  month: undefined,
  slots: 1,
};

let result: BlobRef | null = null;
let taskMs = 0;
const told = { connected: 0, started: 0, acknowledged: 0, reports: 0 };

class LightAgent {
  readonly #bus: NodeBus;
  readonly #loop: AgentLoop;
  readonly #instanceId: string;
  #sequence = 0;

  constructor(state: StateFolder, name: string, natsUrl: string) {
    const enrolled = state.readIdentity();
    const keys = state.readKeys();
    if (enrolled === null || keys === null) throw new Error(`${name} is not enrolled`);
    const identity = { ...enrolled, natsUrls: [natsUrl] };
    this.#instanceId = `instance of ${name}`;
    const clock = {
      nowMs: () => performance.now(),
      callAfter: (spanMs: number, callback: () => void) => {
        const timer = setTimeout(callback, spanMs);
        return () => clearTimeout(timer);
      },
    };
    this.#loop = new AgentLoop({ clock, sink: { carryOut: (effects) => this.#carryOut(effects) } });
    this.#bus = new NodeBus({
      ...{ identity, natsSeed: keys.natsSeed, instanceId: this.#instanceId },
      post: (command) => this.#post(command),
      onRefused: () => undefined,
      asides: {
        onLanTask: () => undefined,
        onProbeTask: () => undefined,
        onTaskMessage: () => undefined,
        onReleases: () => undefined,
        onExchange: () => undefined,
        onKeptWanted: () => undefined,
        onKeptReleased: () => undefined,
        onReportWanted: () => undefined,
      },
      log: (event, fields) => process.stderr.write(`${name}: ${event} ${JSON.stringify(fields)}\n`),
    });
    const allowance = fullAllowance(1);
    this.#loop.post({ kind: 'allowanceChanged', allowance });
  }

  start(): Promise<void> {
    return this.#bus.start();
  }

  async stop(): Promise<void> {
    this.#loop.stop();
    await this.#bus.stop();
  }

  report(): void {
    const none = { grants: [], cancels: [], acknowledged: [], transfers: [], blobsMissing: [] };
    const quiet = { isQuarantined: false, reportIntervalMs: 0, allotmentBytes: null };
    this.#loop.post({ kind: 'schedulerSpoke', ...none, ...quiet, wantsReport: true });
  }

  #post(command: Command): void {
    this.#loop.post(command);
    if (command.kind === 'connected') told.connected += 1;
  }

  #carryOut(effects: readonly Effect[]): void {
    const parts: SayPart[] = [];
    for (const effect of effects) {
      if (effect.kind === 'say') parts.push(effect.part);
      else this.#answer(effect);
    }
    if (parts.length === 0) return;
    this.#sequence += 1;
    if (parts.some((part) => part.kind === 'report')) told.reports += 1;
    const speaker = { instanceNumber: 1, instanceId: this.#instanceId, sequence: this.#sequence };
    const news = this.#sequence <= 3 ? inventory : undefined;
    this.#bus.say(parts, { ...speaker, status, inventory: news, releases: [] });
  }

  #answer(effect: Exclude<Effect, { kind: 'say' }>): void {
    switch (effect.kind) {
      case 'measureInputs': {
        const { leaseId } = effect.lease;
        return this.#loop.post({ kind: 'inputsMeasured', leaseId, missingBytes: 0 });
      }
      case 'fetch':
        return this.#loop.post({ kind: 'fetched', leaseId: effect.lease.leaseId });
      case 'start':
        return this.#start(effect.lease);
      case 'collect': {
        const { lease, exit } = effect;
        const sizeBytes = result?.sizeBytes ?? 0;
        return this.#loop.post({
          kind: 'collected',
          leaseId: lease.leaseId,
          exit,
          result,
          sizeBytes,
        });
      }
      case 'upload':
        return this.#loop.post({ kind: 'uploaded', leaseId: effect.lease.leaseId });
      case 'forget':
        told.acknowledged += 1;
        return;
      case 'stop':
      case 'quarantined':
        throw new Error(`nothing should end here: ${effect.kind}`);
    }
  }

  /** The start is told as an agent tells it: with the next thing that is said, or after a second. */
  #start({ leaseId }: Lease): void {
    told.started += 1;
    this.#loop.post({ kind: 'started', leaseId });
    const exit = {
      code: 'succeeded',
      exitCode: 0,
      cpuMs: 1_234,
      wallMs: 1_234,
      detail: '',
    } as const;
    const end = (): void => this.#loop.post({ kind: 'exited', leaseId, exit });
    if (taskMs === 0) setImmediate(end);
    else setTimeout(end, taskMs * nextPart());
  }
}

let turn = 0;

/** Between a half and one and a half, spread evenly and the same each time: tasks that take equally long end in one burst, again and again. */
function nextPart(): number {
  turn = (turn + 0.618_033_988_75) % 1;
  return 0.5 + turn;
}

const agents: LightAgent[] = [];

/** Rejects with the first failure, which ends the process. */
async function enrolAll(options: LightOptions): Promise<void> {
  const { first, count } = options;
  const waiting = Array.from({ length: count }, (_, place) => first + place).values();
  const work = async (): Promise<void> => {
    for (const index of waiting) {
      const name = `n${index}`;
      const state = new StateFolder(join(options.folder, name));
      state.create();
      const token = options.tokens[index % options.tokens.length] ?? '';
      const own = { name, state, inventory: () => Promise.resolve(inventory) };
      await untilEnrolled({ url: options.url, token, ...own });
      const agent = new LightAgent(state, name, options.natsUrl);
      await agent.start();
      agents.push(agent);
    }
  };
  await Promise.all(Array.from({ length: enrolments }, work));
}

/** A busy machine lets some wait too long, and a connection that is kept may be closed just when the next one asks on it. */
async function untilEnrolled(asked: Parameters<typeof enrol>[0]): Promise<void> {
  for (let tries = 1; tries < enrolTries; tries += 1) {
    try {
      await enrol(asked);
      return;
    } catch {
      await sleep(1_000);
    }
  }
  await enrol(asked);
}

let beat: NodeJS.Timeout | undefined;

async function hear(question: LightQuestion): Promise<Told> {
  switch (question.kind) {
    case 'enrol':
      void enrolAll(question.options);
      break;
    case 'behave':
      ({ result, taskMs } = question);
      break;
    case 'report':
      clearInterval(beat);
      if (question.perSecond > 0) beat = reportAll(question.perSecond);
      break;
    case 'tell':
      break;
  }
  return told;
}

/** So many reports a second, spread evenly over time, of one agent after another. */
function reportAll(perSecond: number): NodeJS.Timeout {
  const startMs = performance.now();
  let sent = 0;
  return setInterval(() => {
    const due = ((performance.now() - startMs) * perSecond) / 1000;
    for (; sent < due; sent += 1) agents[sent % agents.length]?.report();
  }, 5);
}

answerParent(hear, async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
});

// A short life of a federation, as the batches that its core decides: every kind of durable fact is
// in it. A new kind needs a step here, and the compiler asks for it below.

import { createHash } from 'node:crypto';
import { encodeSnapshot } from '../../../scheduler/adapters/journal/snapshot-codec.ts';
import type {
  Command,
  DurableFact,
  Effect,
  NodeRelease,
  NodeSpoke,
} from '../../../scheduler/core/index.ts';
import { balance } from '../../../scheduler/core/placement/policies/balance.ts';
import {
  State,
  apply,
  decide,
  imageOf,
  instant,
  jobId,
  leaseId,
  nodeId,
  sha256,
  siteId,
  stateOf,
  toJournal,
  tokenId,
} from '../../../scheduler/core/index.ts';
import { accepting, pi3, template } from '../core/harness.ts';
import type { Reading } from './journal-folder.ts';

type Batch = readonly DurableFact[];

/** Kinds that some step of the story must decide. */
export const durableKinds: Readonly<Record<DurableFact['kind'], true>> = {
  jobSubmitted: true,
  jobCancelled: true,
  jobEnded: true,
  jobForgotten: true,
  tasksRetried: true,
  outputsSent: true,
  serviceUpdated: true,
  replicaRolled: true,
  tasksLeased: true,
  tasksEnded: true,
  leasesVoided: true,
  leaseRevived: true,
  leaseIdsSkipped: true,
  siteSet: true,
  probeLeased: true,
  uplinkMeasured: true,
  nodeEnrolled: true,
  sliceGiven: true,
  nodeSited: true,
  nodeInventoryChanged: true,
  nodeInstanceChanged: true,
  nodeHealthChanged: true,
  nodesDrained: true,
  researcherSet: true,
  rolloutStarted: true,
  rolloutAdvanced: true,
  rolloutChanged: true,
  rolloutsHeld: true,
  tokenCreated: true,
  tokenUsed: true,
  tokenRevoked: true,
  tokenForgotten: true,
};

const minuteMs = 60_000;

/** The batches, in order; the same every time. */
export function tellStory(): readonly Batch[] {
  const story = new Story();
  story.give({ kind: 'setSite', siteId: siteId('home'), downBps: 50e6, upBps: 10e6, share: 0.5 });
  story.enrol('pi');
  story.give({ kind: 'giveSlice', nodeId: nodeId('pi'), slices: [1, 2] });
  story.speak('pi', { held: [] });
  story.submit('render', 6);
  const grants = story.granted();
  story.end('pi', grants.slice(0, 2), 'succeeded');
  story.end('pi', grants.slice(2, 3), 'exited');
  story.speak('pi', { held: grants.slice(3), inventory: { ...pi3, agentVersion: '0.1.1' } });
  // It is silent until it is lost, then comes back, holding what was taken from it.
  story.waitMinutes(1, 8, 16);
  story.speak('pi', { held: grants.slice(3) });
  story.end('pi', grants.slice(3), 'succeeded');
  story.waitMinutes(1);
  story.end('pi', story.granted(), 'succeeded');
  story.submit('unwanted', 2);
  story.submit('later', 2, ['unwanted']);
  story.give({ kind: 'cancelJob', jobId: jobId('unwanted') });
  story.give({ kind: 'setResearcher', name: 'ada', settings: { weight: 2, maxLeases: 40 } });
  story.give({
    ...{ kind: 'retryTasks', jobId: jobId('unwanted') },
    ...{ requestId: 'again', indexes: [1] },
  });
  story.give({ kind: 'cancelJob', jobId: jobId('unwanted') });
  story.give({ kind: 'deleteJob', jobId: jobId('unwanted') });
  story.decided([{ kind: 'leaseIdsSkipped', at: instant(story.nowMs), nextLeaseId: 1_000 }]);
  const service = template({
    ...{ name: 'web', taskCount: 2, outputs: [] },
    service: { rates: { cpuGhz: 0.5, downBps: 1_000, upBps: 1_000 } },
  });
  const ids = { jobId: jobId('web'), requestId: 'request of web' };
  story.give({ kind: 'submitJob', ...ids, researcher: 'ada', template: service });
  story.speak('pi', { started: story.granted().map(leaseId) });
  story.give({
    ...{ kind: 'updateJob', ...ids, requestId: 'another program' },
    template: { ...service, command: ['bin/other'], taskCount: 3 },
  });
  story.waitMinutes(1);
  story.give({ kind: 'cancelJob', jobId: jobId('web') });
  story.keepPictures('pi');
  story.enrol('clone');
  story.submit('count', 3);
  story.probe('pi');
  story.give({ kind: 'drainNodes', of: { nodeId: nodeId('pi') }, isDraining: true });
  story.give({ kind: 'revokeToken', tokenId: tokenId('token of clone') });
  story.give({ kind: 'revokeNode', nodeId: nodeId('clone') });
  story.give({ kind: 'setSite', siteId: siteId('attic'), downBps: 9e6, upBps: 1e6, share: 0.25 });
  story.give({ kind: 'setNodeSite', nodeId: nodeId('pi'), siteId: siteId('attic') });
  story.seen('pi', 'the hash of an address');
  story.rollOut('pi');
  const forgotten = tokenId('token of pi');
  story.decided([{ kind: 'tokenForgotten', at: instant(story.nowMs), tokenId: forgotten }]);
  return story.batches;
}

/** The state that batches make. */
export function stateAfter(batches: readonly Batch[]): State {
  const state = new State();
  for (const batch of batches) for (const fact of batch) apply(state, fact);
  return state;
}

/** The state that a journal makes. */
export function stateIn({ image, batches }: Pick<Reading, 'image' | 'batches'>): State {
  const state = image === undefined ? new State() : stateOf(image);
  for (const batch of batches) for (const fact of batch) apply(state, fact);
  return state;
}

/** Equal for equal states, and for no others. */
export function digestOf(state: State): string {
  return createHash('sha256')
    .update(encodeSnapshot(imageOf(state), 0))
    .digest('hex');
}

class Story {
  readonly batches: Batch[] = [];
  nowMs = 1_800_000_000_000;
  readonly #state = new State();
  #effects: Effect[] = [];
  #sequence = 0;

  /** One command is one batch, as it is in a quiet federation. */
  give(command: Command): void {
    const facts: DurableFact[] = [];
    this.nowMs += 250;
    for (const each of [command, { kind: 'place' } as const]) {
      const decision = decide(this.#state, each, {
        now: instant(this.nowMs),
        policy: balance,
      });
      for (const fact of decision.facts) apply(this.#state, fact);
      facts.push(...toJournal(decision.facts));
      this.#effects.push(...decision.effects);
    }
    if (facts.length > 0) this.batches.push(facts);
  }

  decided(batch: Batch): void {
    for (const fact of batch) apply(this.#state, fact);
    this.batches.push(batch);
  }

  enrol(name: string): void {
    const token = `token of ${name}`;
    this.give({
      kind: 'createToken',
      tokenId: tokenId(token),
      hash: `hash of ${token}`,
      role: 'node',
      name: '',
      siteId: siteId('home'),
      expiresAt: instant(this.nowMs + 60 * minuteMs),
      uses: 1,
    });
    this.give({
      kind: 'enrolNode',
      tokenHash: `hash of ${token}`,
      requestId: `request of ${name}`,
      nodeId: nodeId(name),
      name,
      natsPublicKey: `key of ${name}`,
      inventory: pi3,
    });
  }

  /** Outputs that stay on the node, of which one is wanted elsewhere. */
  keepPictures(name: string): void {
    const home = this.#state.siteById.get(siteId('home'));
    if (home === undefined) throw new Error('there is no home');
    const { number, siteId: id } = home;
    const pictures = { name: 'pictures', taskCount: 2, site: { number, siteId: id } };
    const ids = { jobId: jobId('pictures'), researcher: 'ada', requestId: 'request of pictures' };
    const kept = template({ ...pictures, keepsOutputs: true });
    this.give({ kind: 'submitJob', ...ids, template: kept });
    this.end(name, this.granted(), 'succeeded');
    this.give({ kind: 'outputsCame', jobId: jobId('pictures'), taskIndex: 1 });
  }

  /** It may work at a site whose line nobody has declared, and measures that. */
  probe(name: string): void {
    const home = { kind: 'setSite', siteId: siteId('home'), downBps: null, upBps: null } as const;
    this.give({ ...home, share: null, isMeasured: true });
    this.speak(name, { status: accepting });
    this.waitMinutes(1);
    const lease = this.#effects.find((effect) => effect.kind === 'probe');
    if (lease === undefined) throw new Error('no probe was leased');
    const { siteNumber, leasedAt } = lease;
    const of = { kind: 'uplinkProbed', siteNumber, leasedAt } as const;
    this.give({ ...of, downBps: 18e6, upBps: 3e6, bytes: 280_000 });
  }

  /** Its tunnel comes from there. */
  seen(name: string, natGroup: string): void {
    const of = { nodeId: nodeId(name), connection: 'first', since: instant(this.nowMs) };
    const tunnels = [{ ...of, natGroup, upBytes: 0, downBytes: 0 }];
    this.give({ kind: 'tunnelsSeen', slice: 1, tunnels });
  }

  /** A release that the node makes active goes back; all rollouts are held. */
  rollOut(name: string): void {
    this.give({
      kind: 'startRollout',
      name: 'agent',
      version: '1.1',
      bakeMs: 60_000,
      architectures: [],
    });
    this.has(name, { name: 'agent', active: '1.1', isProven: true });
    this.waitMinutes(1, 2);
    this.give({ kind: 'changeRollout', name: 'agent', change: 'abort' });
    this.give({
      kind: 'startRollout',
      name: 'maps',
      version: '3',
      bakeMs: 0,
      architectures: ['armv6l'],
    });
    this.give({ kind: 'holdRollouts', isHeld: true });
  }

  /** What it says of a release. */
  has(name: string, release: Partial<NodeRelease>): void {
    const of = { name: '', active: '', staged: '', failed: '', problem: '' };
    const told = { ...of, isProven: false, fetchedBytes: 0, sizeBytes: 0, ...release };
    this.speak(name, { status: accepting });
    this.give({ kind: 'releasesTold', nodeId: nodeId(name), releases: [told] });
  }

  submit(name: string, taskCount: number, after: readonly string[] = []): void {
    this.give({
      kind: 'submitJob',
      jobId: jobId(name),
      researcher: 'ada',
      requestId: `request of ${name}`,
      template: template({
        ...{ name, taskCount, after: after.map(jobId) },
        taskInputBytes: new Array(taskCount).fill(50_000),
      }),
    });
  }

  /** Leases granted since the last call. */
  granted(): readonly number[] {
    const granted = this.#effects.flatMap((effect) =>
      effect.kind === 'grant' ? [effect.leaseId] : [],
    );
    this.#effects = [];
    return granted;
  }

  speak(name: string, changes: Omit<Partial<NodeSpoke>, 'held'> & { held?: readonly number[] }) {
    this.#sequence += 1;
    this.give({
      kind: 'nodeSpoke',
      nodeId: nodeId(name),
      instanceNumber: 1,
      instanceId: 'first',
      sequence: this.#sequence,
      status: null,
      inventory: null,
      started: [],
      exited: [],
      ended: [],
      transfersWanted: [],
      transfersDone: [],
      ...changes,
      held: changes.held?.map(leaseId) ?? null,
    });
  }

  end(name: string, leases: readonly number[], code: 'succeeded' | 'exited'): void {
    const ended = leases.map((lease) => ({
      leaseId: leaseId(lease),
      code,
      exitCode: code === 'succeeded' ? 0 : 3,
      cpuMs: 51_234 + lease,
      wallMs: 60_000,
      result: { sha256: sha256(String(lease).padStart(64, '5af0')), sizeBytes: 400 },
      isResultPresent: true,
    }));
    this.speak(name, { ended });
  }

  waitMinutes(...spans: readonly number[]): void {
    for (const minutes of spans) {
      this.nowMs += minutes * minuteMs;
      this.give({ kind: 'tick' });
    }
  }
}

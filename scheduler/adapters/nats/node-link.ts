// The scheduler's end of the bus: what nodes say becomes commands, effects become messages.

import { credsAuthenticator } from 'nats';
import { z } from 'zod';
import type {
  KeptWanted,
  LeaseGrant,
  ProbeTask,
  ReleaseOrder,
} from '../../../proto/gen/punnet/v1/agent.ts';
import {
  allNodesLan,
  allNodesTask,
  allNodesUp,
  parseFromNodeSubject,
  parseLanSubject,
  parseTaskSubject,
  toNodeSubject,
} from '../../../proto/subjects.ts';
import { nodeId } from '../../core/index.ts';
import type { BlobRef, Effect, LeaseId, NodeId, NodeSpoke, View } from '../../core/index.ts';
import type { LanProved, NodeDisconnected, ReleasesTold, RevokeNode } from '../../core/index.ts';
import type { EffectSink } from '../../ports.ts';
import type { ExchangeComposer } from '../blobs/exchange-composer.ts';
import type { LeaseComposer } from '../blobs/lease-composer.ts';
import { LanProofs } from '../lan/lan-proofs.ts';
import { TaskMessages } from '../messages/task-messages.ts';
import { BusClient } from './bus-client.ts';
import { FloodMeter, messagesPerSecond } from './flood-meter.ts';
import {
  decodeFromNode,
  emptyOutgoing,
  encodeLanTask,
  encodeProbeTask,
  encodeTaskMessage,
  encodeToNode,
} from './wire.ts';
import type { Outgoing } from './wire.ts';

type ReleaseEffect = Extract<Effect, { kind: 'release' }>;
type NewsEffect = Extract<Effect, { kind: 'exchange' }>;
type GrantEffect = Extract<Effect, { kind: 'grant' }>;

type Heard = NodeSpoke | NodeDisconnected | RevokeNode | LanProved | ReleasesTold;

export interface NodeLinkOptions {
  readonly urls: readonly string[];
  readonly caPem: string;
  readonly credentials: Uint8Array;
  /** Where the server tells of each connection that closed. */
  readonly closedSubject: string;
  /** How long what nodes say can wait: nothing would be decided any sooner. */
  readonly restMs: () => number;
  readonly submit: (command: Heard) => void;
  readonly instanceOf: (nodeId: NodeId) => string;
  readonly recipientsOf: View['recipientsOf'];
  /** Whether the result of a lease is here, with its outputs unless they stay on the node. */
  readonly hasResult: (ref: BlobRef, leaseId: LeaseId) => Promise<boolean>;
  /** The node has lost an output that it kept. */
  readonly onKeptMissing: (nodeId: NodeId, sha256: string) => void;
  readonly composeLease: LeaseComposer['compose'];
  readonly composeExchange: Pick<ExchangeComposer, 'lease' | 'news'>;
  readonly composeRelease: (effect: ReleaseEffect) => ReleaseOrder;
  /** Shuts a node out. */
  readonly revoke: (nodeId: NodeId, publicKey: string) => Promise<void>;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

const disconnection = z.object({ client: z.object({ name_tag: z.string() }) });
const logEveryMs = 60_000;
const askEveryMs = 30_000;

export class NodeLink implements EffectSink {
  readonly #options: NodeLinkOptions;
  readonly #lanProofs: LanProofs;
  readonly #taskMessages: TaskMessages;
  readonly #floods = new FloodMeter();
  readonly #loggedAt = new Map<NodeId, number>();
  /** Nodes with a message whose results are being looked for: what they said next waits. */
  readonly #busy = new Map<NodeId, Promise<void>>();
  #client: BusClient | undefined;
  #isListening = false;
  #dropped = 0;
  #isConnected = true;

  private constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.#lanProofs = new LanProofs({
      // Lost when the node is away: it is asked again some time.
      send: (id, task) => this.#client?.publish(toNodeSubject(id), encodeLanTask(task)),
      submit: options.submit,
      nowMs: () => performance.now(),
    });
    this.#taskMessages = new TaskMessages({
      recipientsOf: options.recipientsOf,
      send: (id, message) => this.#client?.publish(toNodeSubject(id), encodeTaskMessage(message)),
      nowMs: () => performance.now(),
    });
  }

  /** Connected, and able to speak; it hears nobody before `listen`. */
  static async connect(options: NodeLinkOptions): Promise<NodeLink> {
    const { urls, caPem, credentials, restMs, log } = options;
    const link = new NodeLink(options);
    link.#client = await BusClient.connect({
      ...{ urls, caPem, log, askEveryMs },
      restMs: () => (link.#isListening ? restMs() : 0),
      authenticator: credsAuthenticator(credentials),
      onMessage: (subject, bytes) => link.#take(subject, bytes),
      onTurn: (isConnected) => link.#turn(isConnected),
    });
    return link;
  }

  /** False while nats-server is away; it is looked for again and again. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  #turn(isConnected: boolean): void {
    this.#isConnected = isConnected;
    const event = isConnected ? 'nats-server is back' : 'nats-server is away: no node is heard';
    this.#options.log(event, { urls: this.#options.urls });
  }

  /** Lost when the node is away: the line's turn comes again. */
  sendProbe(id: NodeId, task: ProbeTask): void {
    this.#client?.publish(toNodeSubject(id), encodeProbeTask(task));
  }

  /** Lost when the node is away: it is asked again. */
  sendKept(id: string, wanted: KeptWanted): void {
    this.#send(nodeId(id), { ...emptyOutgoing(), keptWanted: [wanted] });
  }

  /** Messages dropped since start. */
  get droppedMessages(): number {
    return this.#dropped;
  }

  /** From now on what nodes say becomes commands. */
  async listen(): Promise<void> {
    await this.#client?.subscribe(allNodesUp);
    await this.#client?.subscribe(allNodesLan);
    await this.#client?.subscribe(allNodesTask);
    await this.#client?.subscribe(this.#options.closedSubject);
    this.#isListening = true;
  }

  #take(subject: string, bytes: Buffer): void {
    const { closedSubject, submit } = this.#options;
    if (subject === closedSubject) {
      const id = nodeOf(String(bytes));
      if (id === undefined) return;
      this.#inOrder(nodeId(id), () => submit({ kind: 'nodeDisconnected', nodeId: nodeId(id) }));
      return;
    }
    const speaking = parseFromNodeSubject(subject);
    if (speaking !== undefined) {
      if (this.#isHeard(nodeId(speaking))) this.#hear(nodeId(speaking), bytes);
      return;
    }
    const proving = parseLanSubject(subject);
    const by = proving ?? parseTaskSubject(subject);
    if (by === undefined || !this.#isHeard(nodeId(by))) return;
    if (proving !== undefined) this.#lanProofs.hear(nodeId(by), bytes);
    else this.#handOn(nodeId(by), bytes);
  }

  #handOn(id: NodeId, bytes: Uint8Array): void {
    const problem = this.#taskMessages.hear(id, bytes);
    if (problem !== null) this.#drop(id, problem);
  }

  /** One that floods the bus is heard in part, and cut off when it goes on. */
  #isHeard(id: NodeId): boolean {
    const flow = this.#floods.take(id, performance.now());
    if (flow === 'heard') return true;
    this.#drop(id, `more than ${messagesPerSecond} messages a second`);
    if (flow === 'cut') {
      this.#options.log('a node that floods the bus is revoked', { node: id });
      this.#inOrder(id, () => this.#options.submit({ kind: 'revokeNode', nodeId: id }));
    }
    return false;
  }

  async stop(): Promise<void> {
    await this.#client?.close();
  }

  carryOut(effects: readonly Effect[]): void {
    const outgoing = new Map<NodeId, Outgoing>();
    const of = (id: NodeId): Outgoing => {
      const found = outgoing.get(id) ?? emptyOutgoing();
      outgoing.set(id, found);
      return found;
    };
    for (const effect of effects) {
      if (effect.kind === 'proveLan') this.#lanProofs.ask(effect);
      if (isForOthers(effect)) continue;
      if (effect.kind === 'revokeCredentials') void this.#revoke(effect);
      else if (effect.kind === 'grant') this.#grant(effect, of);
      else if (effect.kind === 'exchange') this.#news(effect, of);
      else if (effect.kind === 'leaseChunks') {
        of(effect.nodeId).chunkLeases.push(this.#options.composeExchange.lease(effect));
      } else if (effect.kind === 'release') {
        of(effect.nodeId).releases.push(this.#options.composeRelease(effect));
      } else add(of(effect.nodeId), effect);
    }
    for (const [id, message] of outgoing) this.#send(id, message);
  }

  #grant(effect: GrantEffect, of: (id: NodeId) => Outgoing): void {
    const failed = (error: unknown): void =>
      this.#options.log('lease not composed', { ...effect, error: String(error) });
    try {
      const lease = this.#options.composeLease(effect);
      if (lease instanceof Promise) {
        lease.then((late) => this.#sendLate(effect.nodeId, late)).catch(failed);
      } else if (lease !== undefined) of(effect.nodeId).grants.push(lease);
    } catch (error) {
      failed(error);
    }
  }

  /** What is not told now is told when the node asks again. */
  #news(effect: NewsEffect, of: (id: NodeId) => Outgoing): void {
    const { nodeId: id, sha256 } = effect;
    const news = this.#options.composeExchange.news(effect);
    if (!(news instanceof Promise)) {
      of(id).exchanges.push(news);
      return;
    }
    const failed = (error: unknown): void =>
      this.#options.log('exchange not told', { node: id, blob: sha256, error: String(error) });
    news
      .then((late) => {
        if (late === undefined) failed('the blob is not in the store');
        else this.#send(id, { ...emptyOutgoing(), exchanges: [late] });
      })
      .catch(failed);
  }

  #sendLate(id: NodeId, lease: LeaseGrant | undefined): void {
    if (lease !== undefined) this.#send(id, { ...emptyOutgoing(), grants: [lease] });
  }

  #send(id: NodeId, outgoing: Outgoing): void {
    const { messages, tooLarge } = encodeToNode(this.#options.instanceOf(id), outgoing);
    if (tooLarge.length > 0) this.#options.log('lease over 64 KiB', { node: id, tooLarge });
    for (const bytes of messages) this.#client?.publish(toNodeSubject(id), bytes);
  }

  #hear(id: NodeId, bytes: Uint8Array): void {
    const decoded = decodeFromNode(id, bytes);
    if (decoded.kind === 'dropped') {
      this.#drop(id, decoded.reason);
      return;
    }
    if (decoded.kind === 'left') {
      this.#options.log('its owner has taken a node out of the federation', { node: id });
      this.#inOrder(id, () => this.#options.submit({ kind: 'revokeNode', nodeId: id }));
      return;
    }
    const { command, releases, keptMissing } = decoded;
    for (const sha256 of keptMissing) this.#options.onKeptMissing(id, sha256);
    // Before the report that they are part of: it is answered with what is missing.
    if (releases !== null) {
      this.#inOrder(id, () => this.#options.submit({ kind: 'releasesTold', nodeId: id, releases }));
    }
    // Most ends have no result, or none is told: nothing to wait for.
    const isPlain = command.ended.every((end) => end.isResultPresent);
    this.#inOrder(id, () =>
      isPlain ? this.#options.submit(command) : this.#submitWithResults(command),
    );
  }

  /** What the bus brought in order stays in order: a last word must not come after the end. */
  #inOrder(id: NodeId, step: () => Promise<void> | void): void {
    const before = this.#busy.get(id);
    const now = before === undefined ? step() : before.then(step);
    if (!(now instanceof Promise)) return;
    const done = now.finally(() => {
      if (this.#busy.get(id) === done) this.#busy.delete(id);
    });
    this.#busy.set(id, done);
  }

  /**
   * Looks for the results in the blob store first, one after another: a result may name thousands of outputs, and
   * no node shall have more than its turn of the disk. Never rejects.
   */
  async #submitWithResults(command: NodeSpoke): Promise<void> {
    try {
      const ended: NodeSpoke['ended'][number][] = [];
      for (const end of command.ended) {
        const { result } = end;
        const isResultPresent =
          result === null || (await this.#options.hasResult(result, end.leaseId));
        ended.push({ ...end, isResultPresent });
      }
      this.#options.submit({ ...command, ended });
    } catch (error) {
      this.#drop(command.nodeId, `blob store: ${String(error)}`);
    }
  }

  #drop(id: NodeId, reason: string): void {
    this.#dropped += 1;
    const now = performance.now();
    if (now - (this.#loggedAt.get(id) ?? -logEveryMs) < logEveryMs) return;
    this.#loggedAt.set(id, now);
    this.#options.log('message dropped', { node: id, reason, dropped: this.#dropped });
  }

  async #revoke({ nodeId: id, natsPublicKey }: RevokeEffect): Promise<void> {
    try {
      await this.#options.revoke(id, natsPublicKey);
    } catch (error) {
      this.#options.log('revocation failed; it stands after a restart', { error: String(error) });
    }
  }
}

type RevokeEffect = Extract<Effect, { kind: 'revokeCredentials' }>;
type ForOthers = Extract<Effect, { kind: 'jobChanged' | 'solvePlan' | 'proveLan' | 'probe' }>;
type Composed = { kind: 'grant' | 'revokeCredentials' | 'release' | 'leaseChunks' | 'exchange' };
type Told = Exclude<Effect, ForOthers | Composed>;

/** Not one message for one node. */
function isForOthers(effect: Effect): effect is ForOthers {
  const { kind } = effect;
  if (kind === 'jobChanged' || kind === 'solvePlan') return true;
  return kind === 'proveLan' || kind === 'probe';
}

function add(to: Outgoing, effect: Told): void {
  switch (effect.kind) {
    case 'cancel':
      to.cancels.push(effect.leaseId);
      break;
    case 'acknowledge':
      to.acknowledged.push(effect.leaseId);
      break;
    case 'transfer':
      to.transfers.push({
        leaseId: effect.leaseId,
        direction: effect.direction === 'down' ? 1 : 2,
      });
      break;
    case 'blobMissing':
      to.blobsMissing.push(effect.leaseId);
      break;
    case 'allot':
      to.allotmentBytes = effect.bytes;
      break;
    case 'releaseKept':
      to.keptReleased.push(...effect.jobIds);
      break;
    case 'askReport':
      to.wantsReport = true;
      break;
    case 'quarantine':
      to.isQuarantined = true;
      break;
  }
}

function nodeOf(json: string): string | undefined {
  try {
    const tag = disconnection.safeParse(JSON.parse(json)).data?.client.name_tag;
    return tag === 'scheduler' ? undefined : tag;
  } catch {
    return undefined;
  }
}

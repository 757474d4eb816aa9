// The agent's end of NATS: connects for ever, says what the core says, and hands on what it hears.

import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from 'nats';
import { ErrorCode, NatsError, connect } from 'nats';
import { FromNode, LanAnswer, TaskMessage } from '../../../proto/gen/punnet/v1/agent.ts';
import {
  fromNodeSubject,
  lanSubject,
  taskSubject,
  toNodeSubject,
} from '../../../proto/subjects.ts';
import type { Command, SayPart } from '../../core/index.ts';
import type { Identity } from '../state/state-folder.ts';
import { nodeAuthenticator } from './node-authenticator.ts';
import type { Asides, Speaker } from './wire.ts';
import { fromBytes, toMessage } from './wire.ts';

/** Between tries to connect, twice as long each time. */
const longestWaitMs = 60_000;
const longestRefusedWaitMs = 600_000;
/** At the end, for what was said last to leave; the next start says it again. */
const lastWordsMs = 1_000;

export interface NodeBusOptions {
  readonly identity: Identity;
  readonly natsSeed: string;
  readonly instanceId: string;
  readonly post: (command: Command) => void;
  readonly asides: Asides;
  /** The federation does not take this node's credentials. */
  readonly onRefused: () => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class NodeBus {
  readonly #options: NodeBusOptions;
  #identity: Identity;
  #connection: NatsConnection | undefined;
  #isConnected = false;
  #isStopped = false;
  #trouble = 'it starts';

  constructor(options: NodeBusOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  /** What it is from now on; other addresses are gone to at once. */
  renewed(identity: Identity): void {
    const before = this.#identity.natsUrls.join();
    this.#identity = identity;
    if (before !== identity.natsUrls.join()) void this.#connection?.close();
  }

  /** Why it is not connected, for the owner; null: it is. */
  get trouble(): string | null {
    return this.#isConnected ? null : this.#trouble;
  }

  /** Resolves with the first connection; a federation that is away is waited for. */
  async start(): Promise<void> {
    let end: unknown;
    for (let tries = 0; !this.#isStopped; tries += 1) {
      if (tries > 0) await this.#wait(tries, end);
      if (this.#isStopped) return;
      try {
        return this.#take(await this.#connect());
      } catch (error) {
        end = error;
      }
    }
  }

  #connect(): Promise<NatsConnection> {
    const { natsSeed } = this.#options;
    const identity = this.#identity;
    return connect({
      servers: [...identity.natsUrls],
      name: identity.nodeId,
      inboxPrefix: `_INBOX.${identity.nodeId}`,
      authenticator: nodeAuthenticator(() => this.#identity.natsJwt, natsSeed),
      tls: { ca: identity.caPem },
      maxReconnectAttempts: -1,
      reconnectTimeWait: 1_000,
      reconnectJitter: 1_000,
      reconnectJitterTLS: 2_000,
      pingInterval: 20 * 60_000,
    });
  }

  #take(connection: NatsConnection): void {
    this.#connection = connection;
    this.#isConnected = true;
    this.#listen(connection);
    void this.#follow(connection);
    void this.#renew(connection);
    this.#options.post({ kind: 'connected' });
  }

  /** Says why there is no connection, and waits: a refusal will hardly change in a minute. */
  async #wait(tries: number, end: unknown): Promise<void> {
    const { identity, log } = this.#options;
    const isRefused = end instanceof NatsError && end.code === ErrorCode.AuthorizationViolation;
    this.#trouble = isRefused ? refusedReason(identity.nodeId) : String(end);
    if (isRefused) {
      log('refused', { tries, reason: this.#trouble });
      this.#options.onRefused();
    } else log('not connected', { tries, error: this.#trouble });
    const longestMs = isRefused ? longestRefusedWaitMs : longestWaitMs;
    const spanMs = Math.min(longestMs, 500 * 2 ** Math.min(tries, 12)) * (0.5 + Math.random());
    await sleep(spanMs);
  }

  #listen(connection: NatsConnection): void {
    const { identity, instanceId, post, asides, log } = this.#options;
    connection.subscribe(toNodeSubject(identity.nodeId), {
      callback: (error, message) => {
        if (error !== null) return log('not heard', { error: error.message });
        const command = fromBytes(message.data, instanceId, asides);
        if (typeof command === 'string') log('message dropped', { why: command });
        else post(command);
      },
    });
  }

  /** Lives as long as the connection; the client does not end its statuses when it closes. */
  async #follow(connection: NatsConnection): Promise<void> {
    const { post, log } = this.#options;
    for await (const status of connection.status()) {
      if (status.type === 'reconnect') this.#isConnected = true;
      if (status.type === 'disconnect') {
        if (this.#isConnected) this.#trouble = `${String(status.data)} is away`;
        this.#isConnected = false;
      }
      if (status.type === 'reconnect') post({ kind: 'connected' });
      if (status.type === 'reconnect' || status.type === 'disconnect') {
        log(status.type, { server: String(status.data) });
      }
      if (status.type === 'error') log('error', { error: String(status.data) });
    }
  }

  /** The client gives up when it is refused twice: it begins again then, ever more slowly. */
  async #renew(connection: NatsConnection): Promise<void> {
    const end = await connection.closed();
    this.#isConnected = false;
    if (this.#isStopped) return;
    await this.#wait(1, end);
    if (!this.#isStopped) await this.start();
  }

  /** What is said while the connection is away is lost, and said again by the core. */
  say(parts: readonly SayPart[], speaker: Speaker): void {
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed()) return;
    const bytes = FromNode.encode(toMessage(parts, speaker)).finish();
    connection.publish(fromNodeSubject(this.#options.identity.nodeId), bytes);
  }

  /** Resolves when the server has answered; fails when it is away. */
  async ping(): Promise<void> {
    if (this.#connection === undefined || !this.#isConnected) throw new Error(this.#trouble);
    await this.#connection.flush();
  }

  /** What came of a LAN task; lost while the connection is away. */
  sayLan(answer: LanAnswer): void {
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed()) return;
    const subject = lanSubject(this.#options.identity.nodeId);
    connection.publish(subject, LanAnswer.encode(answer).finish());
  }

  /** What a task says to another one of its job; false: the connection is away. */
  sayTask(message: TaskMessage): boolean {
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed() || !this.#isConnected) return false;
    const subject = taskSubject(this.#options.identity.nodeId);
    connection.publish(subject, TaskMessage.encode(message).finish());
    return true;
  }

  /** What was said reaches a server that is there; draining would wait for one that is not. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const connection = this.#connection;
    if (connection === undefined) return;
    if (this.#isConnected) {
      const drained = connection.drain().catch(() => undefined);
      await Promise.race([drained, sleep(lastWordsMs, undefined, { ref: false })]);
    }
    // Not awaited: a client that tries to reconnect closes only after its try.
    void connection.close();
  }
}

function refusedReason(nodeId: string): string {
  return `the federation does not accept node ${nodeId} any more; it was revoked, perhaps: ask the operator. To join again, enrol it again with a new token and an empty folder (--state)`;
}

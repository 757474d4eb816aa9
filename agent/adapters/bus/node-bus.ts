// The agent's end of NATS: connects for ever, says what the core says, and hands on what it hears.

import type { NatsConnection } from 'nats';
import { connect, jwtAuthenticator } from 'nats';
import { FromNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { fromNodeSubject, toNodeSubject } from '../../../proto/subjects.ts';
import type { Command, SayPart } from '../../core/index.ts';
import type { Identity } from '../state/state-folder.ts';
import type { Speaker } from './wire.ts';
import { fromBytes, toMessage } from './wire.ts';

export interface NodeBusOptions {
  readonly identity: Identity;
  readonly natsSeed: string;
  readonly instanceId: string;
  readonly post: (command: Command) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class NodeBus {
  readonly #options: NodeBusOptions;
  #connection: NatsConnection | undefined;
  #isConnected = false;
  #isStopped = false;

  constructor(options: NodeBusOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Resolves with the first connection; a federation that is away is waited for. */
  async start(): Promise<void> {
    const { identity, natsSeed, log } = this.#options;
    for (let tries = 0; !this.#isStopped; tries += 1) {
      try {
        this.#connection = await connect({
          servers: [...identity.natsUrls],
          name: identity.nodeId,
          inboxPrefix: `_INBOX.${identity.nodeId}`,
          authenticator: jwtAuthenticator(identity.natsJwt, new TextEncoder().encode(natsSeed)),
          tls: { ca: identity.caPem },
          maxReconnectAttempts: -1,
          reconnectTimeWait: 1_000,
          reconnectJitter: 1_000,
          reconnectJitterTLS: 2_000,
          pingInterval: 20 * 60_000,
        });
        break;
      } catch (error) {
        log('not connected', { error: String(error), tries });
        const spanMs = Math.min(60_000, 500 * 2 ** Math.min(tries, 7)) * (0.5 + Math.random());
        await new Promise((resolve) => setTimeout(resolve, spanMs));
      }
    }
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#isConnected = true;
    this.#listen(connection);
    void this.#follow(connection);
    this.#options.post({ kind: 'connected' });
  }

  #listen(connection: NatsConnection): void {
    const { identity, instanceId, post, log } = this.#options;
    connection.subscribe(toNodeSubject(identity.nodeId), {
      callback: (error, message) => {
        if (error !== null) return log('not heard', { error: error.message });
        const command = fromBytes(message.data, instanceId);
        if (typeof command === 'string') log('message dropped', { why: command });
        else post(command);
      },
    });
  }

  async #follow(connection: NatsConnection): Promise<void> {
    const { post, log } = this.#options;
    for await (const status of connection.status()) {
      if (status.type === 'reconnect') this.#isConnected = true;
      if (status.type === 'disconnect') this.#isConnected = false;
      if (status.type === 'reconnect') post({ kind: 'connected' });
      if (status.type === 'reconnect' || status.type === 'disconnect' || status.type === 'error') {
        log(status.type, { server: String(status.data) });
      }
    }
    const end = await connection.closed();
    this.#isConnected = false;
    if (!this.#isStopped) log('connection closed for good', { error: String(end) });
    if (this.#isStopped) return;
    // The server refused this identity, or lost it for a while: try again from the beginning.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    if (!this.#isStopped) await this.start();
  }

  /** What is said while the connection is away is lost, and said again by the core. */
  say(parts: readonly SayPart[], speaker: Speaker): void {
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed()) return;
    const bytes = FromNode.encode(toMessage(parts, speaker)).finish();
    connection.publish(fromNodeSubject(this.#options.identity.nodeId), bytes);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#connection?.drain().catch(() => undefined);
  }
}

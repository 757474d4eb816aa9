// A nats-server, or a cluster, that somebody else runs with the keys of `punnet-scheduler
// nats-config`. Revocations go to it as an updated account JWT; its full resolver passes them on.

import { connect, credsAuthenticator } from 'nats';
import type { NatsConnection } from 'nats';
import type { NatsIdentity } from './nats-identity.ts';
import { NatsServerError, updateAccount } from './nats-server.ts';

export interface ExternalNatsOptions {
  readonly urls: readonly string[];
  readonly identity: NatsIdentity;
  readonly caPem: string;
}

const answerWithinMs = 10_000;

export class ExternalNats {
  readonly #options: ExternalNatsOptions;
  readonly #system: NatsConnection;
  #updated: Promise<void> = Promise.resolve();

  private constructor(options: ExternalNatsOptions, system: NatsConnection) {
    this.#options = options;
    this.#system = system;
  }

  /** Connects, and brings the account up to date. Throws a NatsServerError that says what to do. */
  static async connect(options: ExternalNatsOptions): Promise<ExternalNats> {
    const { urls, identity, caPem } = options;
    try {
      const system = await connect({
        servers: [...urls],
        name: 'punnet-system',
        authenticator: credsAuthenticator(await identity.systemCredentials()),
        tls: { ca: caPem },
        timeout: answerWithinMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        // It knew us once: a refusal is a passing trouble, and giving up would leave us deaf.
        ignoreAuthErrorAbort: true,
      });
      await updateAccount(system, await identity.accountJwt());
      return new ExternalNats(options, system);
    } catch (error) {
      throw new NatsServerError(
        `${urls.join(', ')}: wanted a nats-server with the keys of this federation, found ${String(error)}. Make its configuration with: punnet-scheduler nats-config --help`,
        { cause: error },
      );
    }
  }

  get urls(): readonly string[] {
    return this.#options.urls;
  }

  /** Drops these users and keeps them out. Others stay connected. */
  revokeUsers(publicKeys: readonly string[]): Promise<void> {
    const { identity } = this.#options;
    identity.revoke(publicKeys, Date.now());
    // One after another, so that an older account never overwrites a newer one.
    const updated = this.#updated.then(async () =>
      updateAccount(this.#system, await identity.accountJwt()),
    );
    this.#updated = updated.catch(() => undefined);
    return updated;
  }

  async stop(): Promise<void> {
    await this.#system.close();
  }
}

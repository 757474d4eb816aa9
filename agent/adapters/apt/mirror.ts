// Asks a mirror over plain HTTP. Its name must lead to a public address at the moment of the connection itself, so
// that a name that changes what it means leads nowhere else.

import { lookup, type LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect as openSocket } from 'node:net';
import type { LookupFunction, NetConnectOpts, Socket } from 'node:net';
import { isPublic } from '../internet/public-address.ts';

export class MirrorError extends Error {
  override readonly name = 'MirrorError';
}

export interface MirrorAsk {
  readonly method: string;
  readonly address: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** How names become addresses, and connections are opened. */
interface Ways {
  readonly ask?: typeof lookup;
  readonly connect?: (options: NetConnectOpts) => Socket;
}

/** A mirror that says nothing for so long is away: apt's own patience. */
const silentMs = 30_000;

export class Mirror {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4, timeout: silentMs });
  readonly #lookUp: LookupFunction;

  constructor({ ask = lookup, connect = openSocket }: Ways = {}) {
    this.#lookUp = publicOnly(ask);
    const opened = (options: NetConnectOpts) => connect({ ...options, lookup: this.#lookUp });
    // Not in Node's types: what opens an agent's connections.
    Object.assign(this.#agent, { createConnection: opened });
  }

  /** Whether its name leads to a public address now. */
  isPublic(host: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.#lookUp(host, {}, (error) => resolve(error === null));
    });
  }

  /** Its answer, as it begins. Rejects with MirrorError, or the signal's reason. */
  async ask(
    { method, address, headers }: MirrorAsk,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const asked = request(address, { method, headers, signal, agent: this.#agent });
    asked.setTimeout(silentMs, () => asked.destroy(new Error('it says nothing')));
    // An answer that breaks off is told to whoever reads it.
    asked.on('error', () => undefined);
    asked.end();
    try {
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return answer;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new MirrorError(`${address.host} does not answer: ${(error as Error).message}.`);
    }
  }

  stop(): void {
    this.#agent.destroy();
  }
}

/** The same, without addresses that are not public. */
function publicOnly(ask: typeof lookup): LookupFunction {
  return (hostname, options, callback) => {
    ask(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      const addresses = (found ?? []).filter(({ address }) => isPublic(address));
      const [first] = addresses;
      if (error !== null || first === undefined) {
        return callback(error ?? new Error(`${hostname} has no public address`), '', 4);
      }
      if (options.all === true) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

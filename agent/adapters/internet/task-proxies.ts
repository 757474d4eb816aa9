// The proxies of this node's tasks that may reach the internet. Loaded when the first of them comes: most nodes
// never run one.

import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { InternetUse } from '../../core/index.ts';
import { UplinkPacer, type Rate } from '../blobs/uplink-pacer.ts';
import { proxySocketIn } from '../sandbox/attempt-spec.ts';
import { Near, type NearOptions } from './near.ts';
import { readNearNetworks } from './near-networks.ts';
import { pacing } from './pacing.ts';
import { TaskProxy, type Way } from './task-proxy.ts';

/** What a question to DNS and its answer take of the line, beside what a proxy hands on. */
const questionBytes = 500;
const questionMs = 5_000;

export interface TaskProxiesOptions extends Omit<NearOptions, 'readNetworks' | 'lookUp'> {
  /** Why nothing may go now; null: it may. */
  readonly closed: () => string | null;
  /** Of the owner's share of the line. */
  readonly pacer: UplinkPacer;
  /** So many bytes have gone over the line. */
  readonly carried: (bytes: number) => void;
  /** What tasks may have of a line that its owner has not described; null: she has described it. */
  readonly guessedRate: () => Rate | null;
}

export class TaskProxies {
  readonly #options: TaskProxiesOptions;
  readonly #proxies = new Map<number, TaskProxy>();
  readonly #near: Near;
  readonly #guessed: UplinkPacer;

  constructor(options: TaskProxiesOptions) {
    this.#options = options;
    this.#guessed = new UplinkPacer(options.guessedRate, () => undefined);
    this.#near = new Near({ ...options, readNetworks: readNearNetworks, lookUp });
  }

  /** Why no task reaches anything, though it may; null: none has asked in vain. */
  get problem(): string | null {
    return this.#near.problem;
  }

  /** Before the attempt starts, and again in a new agent. Throws a SandboxError where there can be none. */
  async open(leaseId: number, use: InternetUse, attemptFolder: string): Promise<void> {
    this.close(leaseId);
    const { closed, pacer, carried } = this.#options;
    const way: Way = {
      closed,
      resolve: (name) => this.#resolve(name),
      near: () => this.#near.look(),
      paced: pacing(use, { pacer, guessed: this.#guessed, carried }),
    };
    this.#proxies.set(leaseId, await TaskProxy.listen(proxySocketIn(attemptFolder), way));
  }

  close(leaseId: number): void {
    this.#proxies.get(leaseId)?.close();
    this.#proxies.delete(leaseId);
  }

  /** What its owner allows may have changed. */
  look(): void {
    if (this.#options.closed() === null) return;
    for (const proxy of this.#proxies.values()) proxy.cut();
  }

  stop(): void {
    for (const leaseId of [...this.#proxies.keys()]) this.close(leaseId);
  }

  async #resolve(name: string): Promise<readonly string[]> {
    if (isIP(name) !== 0) return [name];
    this.#options.carried(questionBytes);
    // Not the system's own look-up, which would hold one of two threads for as long as a name server is silent. A
    // new one asks the name servers that the home has now.
    const resolver = new dns.Resolver({ timeout: questionMs, tries: 2 });
    const both = [resolver.resolve4(name), resolver.resolve6(name)];
    const found = await Promise.allSettled(both);
    return found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  }
}

async function lookUp(host: string): Promise<readonly string[]> {
  return (await dns.lookup(host, { all: true })).map(({ address }) => address);
}

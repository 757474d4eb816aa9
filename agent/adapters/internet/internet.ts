// What this node lets tasks have of the internet: nothing unless its owner allows it and the machine can hold a task
// to the proxy. What does the work is loaded when the first such task comes.

import type { Lease } from '../../core/index.ts';
import type { BlobClient } from '../blobs/blob-client.ts';
import type { TunnelFolder } from '../overlay/tunnel-folder.ts';
import type { Owner } from '../owner/owner.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Identity } from '../state/state-folder.ts';
import type { TaskProxies } from './task-proxies.ts';

/** A machine that is busy as it starts fails a test that it passes later; who installs what was missing waits so long. */
const testAgainMs = 600_000;

export interface InternetOptions {
  readonly owner: Pick<
    Owner,
    'limits' | 'hasMoreThanKept' | 'guessedRate' | 'foundInternet' | 'internetProblem'
  >;
  readonly sandbox: Pick<Sandbox, 'testInternet'>;
  readonly blobs: Pick<BlobClient, 'pacer'>;
  readonly tunnels: Pick<TunnelFolder, 'hosts' | 'isInOverlay'>;
  readonly identity: () => Identity;
  /** Bytes of tasks have gone over the line, beside the tunnel. */
  readonly carried: (bytes: number) => void;
  /** The scheduler must hear what was found. */
  readonly onTested: () => void;
  readonly nowMs: () => number;
}

export class Internet {
  readonly #options: InternetOptions;
  /** When the machine is to be tested. */
  #testAtMs = 0;
  #proxies: Promise<TaskProxies> | null = null;
  #now: TaskProxies | null = null;

  constructor(options: InternetOptions) {
    this.#options = options;
  }

  /** Before the attempt starts, and again in a new agent. Throws a SandboxError where there can be none. */
  async open({ leaseId, internet }: Lease, attemptFolder: string): Promise<void> {
    if (internet === undefined) return;
    this.#proxies ??= this.#load();
    this.#now = await this.#proxies;
    await this.#now.open(leaseId, internet, attemptFolder);
  }

  close(leaseId: number): void {
    this.#now?.close(leaseId);
  }

  /** What its owner allows may have changed. */
  look(): void {
    this.#now?.look();
    const { owner, sandbox, onTested, nowMs } = this.#options;
    if (!owner.limits.allowsInternet || nowMs() < this.#testAtMs) return;
    this.#testAtMs = Number.POSITIVE_INFINITY;
    void sandbox.testInternet().then((problem) => {
      if (problem !== null) this.#testAtMs = nowMs() + testAgainMs;
      if (problem === owner.internetProblem) return;
      owner.foundInternet(problem);
      onTested();
    });
  }

  /** Why no task reaches the internet, though the owner allows it; null: none is known, undefined: nobody has looked. */
  get problem(): string | null | undefined {
    const tested = this.#options.owner.internetProblem;
    return tested ?? this.#now?.problem ?? tested;
  }

  stop(): void {
    this.#now?.stop();
  }

  async #load(): Promise<TaskProxies> {
    const { TaskProxies } = await import('./task-proxies.ts');
    const { askOwnAddress } = await import('./own-address.ts');
    const { blobs, tunnels, carried, identity, nowMs } = this.#options;
    return new TaskProxies({
      closed: () => whyClosed(this.#options.owner),
      pacer: blobs.pacer,
      carried,
      guessedRate: () => this.#options.owner.guessedRate(),
      federationHosts: () => this.#federationHosts(),
      ownAddress: () => askOwnAddress(identity().httpsUrl, identity().caPem),
      isInOverlay: (address) => tunnels.isInOverlay(address),
      nowMs,
    });
  }

  #federationHosts(): readonly string[] {
    const { httpsUrl, natsUrls } = this.#options.identity();
    const urls = [httpsUrl, ...natsUrls].map((url) => new URL(url).hostname);
    const hosts = [...urls, ...this.#options.tunnels.hosts()];
    // An IPv6 address stands in brackets in a URL.
    return [...new Set(hosts.map((host) => host.replaceAll(/[[\]]/g, '')))];
  }
}

/** Why no task may move a byte over the internet now; null: it may. */
export function whyClosed(owner: Pick<Owner, 'limits' | 'hasMoreThanKept'>): string | null {
  if (!owner.limits.allowsInternet) return "the node's owner allows no tasks with internet now.";
  if (owner.hasMoreThanKept()) return null;
  return "the bytes of the node's month are used up, but for those that bring results.";
}

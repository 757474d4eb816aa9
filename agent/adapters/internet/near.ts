// What is near, as it is now: the networks of this node, the overlay, and where federation and home are in the
// internet. Whoever asks often gets what was found a moment ago.

import type { Networks } from './near-networks.ts';
import { holds } from './near-networks.ts';

export interface NearOptions {
  readonly readNetworks: () => Networks;
  /** Addresses of a name of the federation. Rejects with the code ENOTFOUND where there is none. */
  readonly lookUp: (host: string) => Promise<readonly string[]>;
  /** Names and addresses of the federation. */
  readonly federationHosts: () => readonly string[];
  /** That the home has on its line. */
  readonly ownAddress: () => Promise<string>;
  readonly isInOverlay: (address: string) => boolean;
  readonly nowMs: () => number;
}

/** A cable that is plugged in is near a second later; a task asks 20 times in it. */
const networksKeptMs = 1_000;
/** The addresses of federation and home are asked for again after that. */
const outsideKeptMs = 600_000;
const outsideAgainMs = 5_000;
/** What a name led to so many looks ago is still near: names with several addresses tell them by turns. */
const looksKept = 6;

const homeItself = 'the home on its line';
const unknown = 'the node does not know yet what is its home and its federation in the internet';

interface Kept<Found> {
  readonly found: Found;
  readonly atMs: number;
}

export class Near {
  readonly #options: NearOptions;
  #networks: Kept<Networks> | null = null;
  #outside: Kept<ReadonlySet<string>> | null = null;
  #looking: Promise<ReadonlySet<string>> | null = null;
  /** By name, the latest first. */
  #seen: ReadonlyMap<string, readonly (readonly string[])[]> = new Map();
  #problem: Kept<string> | null = null;

  constructor(options: NearOptions) {
    this.#options = options;
  }

  /** Why nothing was known to be far, when somebody asked last; null: it was, or that is long ago. */
  get problem(): string | null {
    const { nowMs } = this.#options;
    const isOld = this.#problem === null || nowMs() - this.#problem.atMs >= outsideKeptMs;
    return isOld ? null : (this.#problem?.found ?? null);
  }

  /** Tells whether an address is near. Rejects where that can't be known. */
  async look(): Promise<(address: string) => boolean> {
    const { isInOverlay, nowMs } = this.#options;
    try {
      const networks = this.#networksNow();
      const outside = await this.#outsideNow();
      this.#problem = null;
      return (address) => holds(networks, address) || outside.has(address) || isInOverlay(address);
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error);
      this.#problem = { found, atMs: nowMs() };
      throw error;
    }
  }

  #networksNow(): Networks {
    const { readNetworks, nowMs } = this.#options;
    const atMs = nowMs();
    if (this.#networks === null || atMs - this.#networks.atMs >= networksKeptMs) {
      this.#networks = { found: readNetworks(), atMs };
    }
    return this.#networks.found;
  }

  /** One look for all who ask. */
  #outsideNow(): Promise<ReadonlySet<string>> {
    const { nowMs } = this.#options;
    const known = this.#outside;
    if (known !== null && nowMs() - known.atMs < outsideKeptMs) return Promise.resolve(known.found);
    this.#looking ??= this.#lookOutside().then(
      (found) => {
        this.#outside = { found, atMs: nowMs() };
        this.#looking = null;
        return found;
      },
      (error: unknown) => {
        // Tasks that try again and again do not ask the federation each time.
        setTimeout(() => (this.#looking = null), outsideAgainMs).unref();
        throw error;
      },
    );
    return this.#looking;
  }

  /** What can't be found now is as it was; rejects where it never was. */
  async #lookOutside(): Promise<ReadonlySet<string>> {
    const { federationHosts, lookUp, ownAddress } = this.#options;
    const hosts = federationHosts();
    const asked = new Map([
      [homeItself, ownAddress().then((address) => [address])],
      ...hosts.map((host) => [host, lookUp(host).catch(noneIfDead)] as const),
    ]);
    const found = await Promise.allSettled(asked.values());
    const seen = [...asked.keys()].map((name, at) => {
      const before = this.#seen.get(name) ?? [];
      const now = found[at];
      if (now?.status === 'fulfilled')
        return [name, [now.value, ...before].slice(0, looksKept)] as const;
      if (before.length === 0)
        throw new Error(`${unknown} (${name}: ${String(now?.reason)}): try again.`);
      return [name, before] as const;
    });
    this.#seen = new Map(seen);
    return new Set(seen.flatMap(([, looks]) => looks.flat()));
  }
}

/** A name that is not there any more leads nowhere, for tasks too. */
function noneIfDead(error: unknown): readonly string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOTFOUND') return [];
  throw error;
}

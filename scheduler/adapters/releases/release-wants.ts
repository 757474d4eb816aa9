// Tells the core which blobs sites exchange for releases: those of rollouts under way. The core keeps none of it
// over a restart, and each is wanted for a while only, so it is told again and again.

import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import type { Answer, Command, Instant, RolloutSummary, WantedBlob } from '../../core/index.ts';
import { instant, sha256 as asSha256, sharedFromBytes } from '../../core/index.ts';
import type { IndexFacts } from '../blobs/blob-indexes.ts';

/** A rollout bakes for hours in each ring: what the first half minute of it brings is little. */
const lookEveryMs = 30_000;
/** Whether a blob is damaged takes a pass over all of it to find out: it is looked at ever more rarely. */
const longestRestMs = 3_600_000;
/** Some looks may be late: an index of a large blob is made first. */
const wantedForMs = 10 * 60_000;
/** Beside what jobs share, which has the same, and not before it. */
const releasePriority = 0;

export interface ReleaseWantsOptions {
  readonly rollouts: () => readonly Pick<RolloutSummary, 'name' | 'version' | 'phase' | 'isHeld'>[];
  readonly releases: () => readonly ReleaseTarget[];
  /** See BlobIndexes.indexOf. */
  readonly indexOf: (sha256: string) => Promise<Pick<IndexFacts, 'chunks'> | undefined>;
  readonly now: () => Instant;
  readonly submit: (command: Command) => Promise<Answer>;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

type RolloutOf = ReturnType<ReleaseWantsOptions['rollouts']>[number];

/** Blobs of releases that nodes fetch now, each once. */
export function releaseBlobs({
  rollouts,
  releases,
}: Pick<ReleaseWantsOptions, 'rollouts' | 'releases'>): readonly ReleaseTarget[] {
  const bySha256 = new Map<string, ReleaseTarget>();
  for (const { name, version, phase, isHeld } of rollouts()) {
    if (isHeld || (phase !== 'running' && phase !== 'paused')) continue;
    for (const each of releases()) {
      const isOfIt = each.name === name && each.version === version;
      if (isOfIt && each.sizeBytes >= sharedFromBytes) bySha256.set(each.sha256, each);
    }
  }
  return [...bySha256.values()];
}

/** A blob that could not be read. */
interface Trouble {
  readonly error: string;
  readonly restMs: number;
  readonly untilMs: number;
}

export class ReleaseWants {
  readonly #options: ReleaseWantsOptions;
  readonly #stopping = new AbortController();
  /** One look after another: each tells all. */
  readonly #looks = new PQueue({ concurrency: 1 });
  readonly #troubles = new Map<string, Trouble>();
  /** What is about to be rolled out, and for how long that is believed. */
  #soon: readonly (RolloutOf & { readonly untilMs: number })[] = [];
  #told = 0;
  #working: Promise<void> | undefined;

  constructor(options: ReleaseWantsOptions) {
    this.#options = options;
  }

  /** Resolves when the core was told for the first time; goes on looking. */
  async start(): Promise<void> {
    await this.#look();
    this.#working = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
    await this.#looks.onIdle();
  }

  /** Tells the core of a rollout's blobs before its first node hears of them. */
  async soon(name: string, version: string): Promise<void> {
    const untilMs = this.#options.now() + 2 * lookEveryMs;
    const rollout = { name, version, phase: 'running', isHeld: false, untilMs } as const;
    this.#soon = [...this.#soon, rollout];
    await this.#look();
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#look();
    }
  }

  #look(): Promise<void> {
    return this.#looks.add(async () => {
      const blobs = await this.#wanted();
      // Nothing, after nothing, needs no words.
      if (blobs.length > 0 || this.#told > 0) await tell(this.#options, blobs);
      this.#told = blobs.length;
    });
  }

  /** As many chunks as each blob's index has. */
  async #wanted(): Promise<readonly WantedBlob[]> {
    const { indexOf, now } = this.#options;
    this.#soon = this.#soon.filter(({ untilMs }) => untilMs > now());
    const rollouts = [...this.#options.rollouts(), ...this.#soon];
    const blobs = releaseBlobs({ ...this.#options, rollouts: () => rollouts });
    const wanted: WantedBlob[] = [];
    for (const { sha256, sizeBytes } of blobs) {
      if ((this.#troubles.get(sha256)?.untilMs ?? 0) > now()) continue;
      try {
        const facts = await indexOf(sha256);
        this.#troubles.delete(sha256);
        if (facts === undefined) continue;
        const until = instant(now() + wantedForMs);
        const chunkCount = facts.chunks;
        wanted.push({
          ...{ sha256: asSha256(sha256), sizeBytes, chunkCount, until },
          priority: releasePriority,
        });
      } catch (error) {
        this.#rest(sha256, String(error));
      }
    }
    return wanted;
  }

  #rest(sha256: string, error: string): void {
    const before = this.#troubles.get(sha256);
    const restMs = Math.min(longestRestMs, 2 * (before?.restMs ?? lookEveryMs));
    this.#troubles.set(sha256, { error, restMs, untilMs: this.#options.now() + restMs });
    if (error === before?.error) return;
    this.#options.log('a release is not exchanged: its index cannot be made', { sha256, error });
  }
}

async function tell(
  { submit, log }: ReleaseWantsOptions,
  blobs: readonly WantedBlob[],
): Promise<void> {
  try {
    const answer = await submit({ kind: 'wantBlobs', blobs });
    if (answer.kind !== 'refused') return;
    log('releases are not exchanged', { reason: answer.reason });
  } catch (error) {
    log('releases are not exchanged', { error: String(error) });
  }
}

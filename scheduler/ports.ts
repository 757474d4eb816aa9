// What the loop needs of the world. The simulator and the tests implement these too; one contract
// suite a port is in test/contracts.

import type {
  Answer,
  DurableFact,
  Effect,
  Fact,
  Instant,
  NodeId,
  StateImage,
} from './core/index.ts';

/** What a journal holds when it is opened. */
export interface Recovery {
  /** The newest valid snapshot, and the sequence it was taken at; undefined without one. */
  readonly image: StateImage | undefined;
  readonly imageSequence: number;
  /** The batches after the snapshot, in order. */
  readonly batches: AsyncIterable<readonly DurableFact[]>;
  /** Sequence of the last batch: how many batches were ever appended. Known once `batches` ended. */
  readonly lastSequence: () => number;
  /** What was cut off at the end because its write was never finished; for the log. */
  readonly warnings: readonly string[];
}

/** The ordered record of all facts; the state is their sum. */
export interface Journal {
  recover(): Promise<Recovery>;
  /**
   * Appends one batch and resolves when it is on disk. `expectedSequence` is the number of batches
   * before it; another one means that somebody else writes here, and is an error, as is any failed
   * write: after an error nothing more is accepted.
   */
  append(facts: readonly DurableFact[], expectedSequence: number): Promise<void>;
  /** Whether enough was appended since the last snapshot for a new one. */
  wantsSnapshot(): boolean;
  /**
   * Writes a snapshot; batches may be appended meanwhile. What it makes needless goes once it is
   * checked. After an error nothing has changed.
   */
  snapshot(image: StateImage, sequence: number): Promise<void>;
  close(): Promise<void>;
}

export interface Clock {
  /** Never goes back. */
  now(): Instant;
  /** Calls back once, at or after the instant, unless cancelled by the returned function. */
  callAt(instant: Instant, callback: () => void): () => void;
}

/** Carries effects out. It must not throw, nor wait: what fails is asked for again by the core. */
export interface EffectSink {
  carryOut(effects: readonly Effect[]): void;
}

/** Hears of what the loop does, for metrics and the log. It must not throw, nor wait. */
export interface Meter {
  /** Something begins; it has ended when what is returned is called. */
  begin(what: 'batch' | 'snapshotPause'): () => void;
  /** One batch is on disk. */
  batch(facts: readonly Fact[], answers: readonly Answer[]): void;
}

/** The tunnels of the federation. While it runs it gives a `tunnelsSeen` for each server, again and again. */
export interface Tunnels {
  start(): void;
  /** Ends a node's tunnels, and forgets where they came from. Where their server is away it does so as
   * soon as that is back. */
  end(nodeId: NodeId): Promise<void>;
  stop(): Promise<void>;
}

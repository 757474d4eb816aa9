// What the agent's loop needs of the world.

import type { Command, Effect } from './core/index.ts';

export interface Clock {
  /** Monotonic milliseconds: a Pi's wall clock proves nothing. */
  nowMs(): number;
  callAfter(spanMs: number, callback: () => void): () => void;
}

/** Carries effects out; answers arrive later as commands through `post`. Must not throw. */
export interface EffectSink {
  carryOut(effects: readonly Effect[]): void;
}

export type Post = (command: Command) => void;

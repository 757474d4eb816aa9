// What an owner lets a node do.

import type { NodeStatus } from '../../scheduler/core/index.ts';

export interface Allowance {
  /** Null: what it is given may start. */
  readonly notAccepting: NodeStatus['notAccepting'];
  /** Outside of the hours what runs ends; in a pause it goes on. */
  readonly isEndingTasks: boolean;
  /** Null: never. */
  readonly closesAtMs: number | null;
}

export const everything: Allowance = { notAccepting: null, isEndingTasks: false, closesAtMs: null };

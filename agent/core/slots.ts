// Who holds a slot, and who gets the next one.

import { noTimeoutMs } from './limits.ts';
import type { AttemptPhase } from './model.ts';
import type { AgentState, Attempt } from './state.ts';

const slotPhases: ReadonlySet<AttemptPhase> = new Set(['starting', 'running']);
const inUse: ReadonlySet<AttemptPhase> = new Set(['fetching', 'ready', 'starting', 'running']);

/** The attempts that hold a slot and memory now. */
export function busyAttempts(state: AgentState): readonly Attempt[] {
  return [...state.attempts.values()].filter(({ phase }) => slotPhases.has(phase));
}

/** Hashes of the blobs that tasks run from, or will. */
export function blobsInUse(state: AgentState): ReadonlySet<string> {
  const attempts = [...state.attempts.values()].filter(({ phase }) => inUse.has(phase));
  return new Set(
    attempts.flatMap(({ lease }) => [lease.bundle, ...lease.inputs].map(({ sha256 }) => sha256)),
  );
}

/**
 * What may start now, the oldest lease first; one that waits for memory is not overtaken. A replica
 * holds its slot for good: the last one without is left to tasks that were given before it.
 */
export function startable(state: AgentState): readonly Attempt[] {
  const { slots, memoryBytes } = state.allowance;
  const busy = busyAttempts(state);
  let free = slots - busy.length;
  if (free <= 0) return [];
  let usedBytes = busy.reduce((sum, { lease }) => sum + lease.memoryBytes, 0);
  const ready = [...state.attempts.values()].filter(({ phase }) => phase === 'ready');
  ready.sort((a, b) => a.lease.leaseId - b.lease.leaseId);
  const chosen: Attempt[] = [];
  const replicas = busy.filter(isReplica).length;
  for (const attempt of ready) {
    const withoutReplica = slots - replicas - chosen.filter(isReplica).length;
    if (isReplica(attempt) && withoutReplica <= 1 && isBehindTask(state, attempt)) continue;
    // One that wants more than all tasks may have runs alone.
    const isFitting = usedBytes === 0 || usedBytes + attempt.lease.memoryBytes <= memoryBytes;
    if (free <= 0 || !isFitting) break;
    free -= 1;
    usedBytes += attempt.lease.memoryBytes;
    chosen.push(attempt);
  }
  return chosen;
}

function isReplica({ lease }: Attempt): boolean {
  return lease.timeoutMs === noTimeoutMs;
}

/** Whether a task that was given before has not started, as its inputs are still coming. */
function isBehindTask(state: AgentState, { lease }: Attempt): boolean {
  return [...state.attempts.values()].some(
    (other) =>
      other.phase === 'fetching' && !isReplica(other) && other.lease.leaseId < lease.leaseId,
  );
}

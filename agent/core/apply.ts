// The only writer of the agent's state.

import type { Fact } from './facts.ts';
import { forgottenKept } from './limits.ts';
import type { AgentState, Attempt } from './state.ts';

export function apply(state: AgentState, fact: Fact): void {
  switch (fact.kind) {
    case 'taken':
      state.attempts.set(fact.lease.leaseId, fresh(fact));
      return;
    case 'forgotten':
      return forget(state, fact.leaseId);
    case 'allowance':
      state.allowance = fact.allowance;
      return;
    case 'frozen':
      state.frozenUntilMs = fact.untilMs;
      return;
    case 'reported':
      state.nextReportMs = fact.nextReportMs;
      return;
    case 'idleReport':
      state.idleReportMs = fact.spanMs;
      return;
    case 'startUntold':
      state.startsUntold.add(fact.leaseId);
      state.tellStartsMs = Math.min(state.tellStartsMs, fact.tellByMs);
      return;
    case 'startsTold':
      state.startsUntold.clear();
      state.tellStartsMs = Number.POSITIVE_INFINITY;
      return;
    case 'connected':
      state.isConnected = true;
      return;
    case 'quarantined':
      state.isQuarantined = true;
      return;
    default: {
      const attempt = state.attempts.get(fact.leaseId);
      if (attempt === undefined) throw new Error(`no attempt under lease ${fact.leaseId}`);
      applyToAttempt(attempt, fact);
    }
  }
}

function fresh(fact: Extract<Fact, { kind: 'taken' }>): Attempt {
  return {
    lease: fact.lease,
    phase: fact.phase,
    transferBytes: 0,
    wanted: null,
    isGranted: false,
    exit: null,
    result: null,
    fetchTries: 0,
    retryMs: 0,
    dueMs: null,
    keptUntilMs: null,
    isStopping: false,
  };
}

type AttemptFact = Extract<Fact, { readonly leaseId: number }>;

function applyToAttempt(attempt: Attempt, fact: Exclude<AttemptFact, { kind: 'forgotten' }>): void {
  switch (fact.kind) {
    case 'phase':
      attempt.phase = fact.phase;
      return;
    case 'wants':
      attempt.wanted = fact.direction;
      attempt.transferBytes = fact.sizeBytes;
      attempt.isGranted = false;
      return;
    case 'granted':
      attempt.isGranted = true;
      return;
    case 'transferOver':
      attempt.wanted = null;
      attempt.isGranted = false;
      return;
    case 'exit':
      attempt.exit = fact.exit;
      return;
    case 'result':
      attempt.result = fact.result;
      return;
    case 'stopping':
      attempt.isStopping = true;
      return;
    case 'kept':
      attempt.keptUntilMs = fact.untilMs;
      return;
    case 'due':
      attempt.dueMs = fact.dueMs;
      attempt.retryMs = fact.retryMs;
      return;
    case 'tried':
      attempt.fetchTries += 1;
      return;
  }
}

function forget(state: AgentState, leaseId: number): void {
  state.attempts.delete(leaseId);
  state.forgotten.add(leaseId);
  for (const oldest of state.forgotten) {
    if (state.forgotten.size <= forgottenKept) return;
    state.forgotten.delete(oldest);
    state.floor = Math.max(state.floor, oldest);
  }
}

// The agent's core, step by step: what it decides when fetches fail, limits change, results wait,
// and an earlier agent left things behind.

import { beforeEach, describe, expect, test } from 'vitest';
import type { Allowance, Command, Effect, Exit, Lease } from '../../../agent/core/index.ts';
import { startToldWithinMs } from '../../../agent/core/limits.ts';
import { AgentState, nextDeadlineMs, noAllowance, take } from '../../../agent/core/index.ts';

const dayMs = 24 * 3_600_000;
const open: Allowance = { ...noAllowance, slots: 2, memoryBytes: 1_000, isAccepting: true };
const succeeded: Exit = { code: 'succeeded', exitCode: 0, cpuMs: 5, wallMs: 6, detail: '' };
const result = { sha256: 'ab', sizeBytes: 100_000 };

function lease(leaseId: number, more: Partial<Lease> = {}): Lease {
  return {
    ...{ leaseId, jobId: 'job', jobName: 'job', researcher: 'ada', taskIndex: 0 },
    ...{
      command: ['true'],
      environment: {},
      isRootFileSystem: false,
      keepsCheckpoint: false,
      hasSocket: false,
      inputs: [],
      outputs: [],
    },
    bundle: { sha256: 'b', sizeBytes: 10, capability: '' },
    ...{ timeoutMs: 1, memoryBytes: 100, diskBytes: 1, uploadCapability: '' },
    ...more,
  };
}

let state: AgentState;
let nowMs: number;
beforeEach(() => {
  state = new AgentState();
  nowMs = 1_000_000;
  give({ kind: 'allowanceChanged', allowance: open });
  give({ kind: 'connected' });
});

function give(command: Command): readonly Effect[] {
  return take(state, command, nowMs);
}

/**
 * The effects as short words: `fetch 1`, `say ended 1 lost`. Of a report only that it was said: how
 * far each lease is, which goes with it, has a test of its own.
 */
function words(effects: readonly Effect[]): readonly string[] {
  const all = effects.map((effect) => {
    if (effect.kind === 'say') {
      const { part } = effect;
      const id = 'leaseId' in part ? ` ${part.leaseId}` : '';
      return `say ${part.kind}${id}${part.kind === 'ended' ? ` ${part.exit.code}` : ''}`;
    }
    if (effect.kind === 'quarantined' || effect.kind === 'allot') return effect.kind;
    return `${effect.kind} ${'leaseId' in effect ? effect.leaseId : effect.lease.leaseId}`;
  });
  const withReport = /^say (transferDone|started|exited) /;
  return all.includes('say report') ? all.filter((word) => !withReport.test(word)) : all;
}

function tell(more: Partial<Extract<Command, { kind: 'schedulerSpoke' }>>): readonly string[] {
  const nothing = { grants: [], cancels: [], acknowledged: [], transfers: [], blobsMissing: [] };
  const quiet = {
    wantsReport: false,
    isQuarantined: false,
    reportIntervalMs: 0,
    allotmentBytes: null,
  };
  return words(give({ kind: 'schedulerSpoke', ...nothing, ...quiet, ...more }));
}

/** Brings a lease to `ready` and returns what the core then does. */
function stage(wanted: Lease): readonly string[] {
  const { leaseId } = wanted;
  tell({ grants: [wanted] });
  give({ kind: 'inputsMeasured', leaseId, missingBytes: 0 });
  return words(give({ kind: 'fetched', leaseId }));
}

/** Lets time pass until something is due; returns the span and what is done then. */
function next(): { readonly afterMs: number; readonly done: readonly string[] } {
  const dueMs = nextDeadlineMs(state) ?? nowMs;
  const afterMs = dueMs - nowMs;
  nowMs = dueMs;
  return { afterMs, done: words(give({ kind: 'tick' })).filter((word) => word !== 'say report') };
}

/** As `next`, over the reports between. */
function nextStep(): { readonly afterMs: number; readonly done: readonly string[] } {
  const startedMs = nowMs;
  for (;;) {
    const { done } = next();
    if (done.length > 0) return { afterMs: nowMs - startedMs, done };
  }
}

test('a slot that is free at an end takes what is ready, without asking anybody', () => {
  stage(lease(1));
  stage(lease(2));
  expect(stage(lease(3))).toEqual([]);
  const effects = words(give({ kind: 'exited', leaseId: 1, exit: succeeded }));
  expect(effects).toEqual(['collect 1', 'start 3']);
});

describe('a replica of a service', () => {
  const replica = (leaseId: number): Lease => lease(leaseId, { timeoutMs: 2 ** 31 - 1 });
  const coming = (leaseId: number): void => {
    tell({ grants: [lease(leaseId)] });
    give({ kind: 'inputsMeasured', leaseId, missingBytes: 1e9 });
  };

  test('leaves the last slot to a task whose inputs are still coming', () => {
    expect(stage(replica(1))).toEqual(['start 1']);
    coming(2);
    expect(stage(replica(3))).toEqual([]);
    expect(words(give({ kind: 'fetched', leaseId: 2 }))).toContain('start 2');
    const ended = words(give({ kind: 'exited', leaseId: 2, exit: succeeded }));
    expect(ended).toEqual(['collect 2', 'start 3']);
  });

  test('takes one of two slots at once, and the last one when nothing else comes', () => {
    coming(1);
    expect(stage(replica(2))).toEqual(['start 2']);
    expect(stage(replica(3))).toEqual([]);
    expect(tell({ cancels: [1] })).toContain('start 3');
  });

  test('waits for no task that was given after it, nor for another replica', () => {
    expect(stage(replica(1))).toEqual(['start 1']);
    tell({ grants: [replica(2)] });
    coming(4);
    expect(stage(replica(3))).toEqual(['start 3']);
  });
});

describe('that a task has started is told', () => {
  test('with the next thing that is said', () => {
    stage(lease(1));
    expect(words(give({ kind: 'started', leaseId: 1 }))).toEqual([]);
    tell({ grants: [lease(2)] });
    nowMs += startToldWithinMs - 1;
    const said = words(give({ kind: 'inputsMeasured', leaseId: 2, missingBytes: 1e9 }));
    expect(said).toEqual(['say transferWanted 2', 'say started 1']);
    expect(next().done).not.toContain('say started 1');
  });

  test('within a second when there is nothing else', () => {
    stage(lease(1));
    give({ kind: 'started', leaseId: 1 });
    expect(next()).toEqual({ afterMs: startToldWithinMs, done: ['say started 1'] });
  });

  test('no more once it has exited', () => {
    stage(lease(1));
    give({ kind: 'started', leaseId: 1 });
    give({ kind: 'exited', leaseId: 1, exit: succeeded });
    const collected = { leaseId: 1, exit: succeeded, result: null, sizeBytes: 0 } as const;
    expect(words(give({ kind: 'collected', ...collected }))).toEqual(['say ended 1 succeeded']);
  });
});

describe('memory', () => {
  test('holds back what does not fit beside the others, and what came after it', () => {
    expect(stage(lease(1, { memoryBytes: 600 }))).toEqual(['start 1']);
    expect(stage(lease(2, { memoryBytes: 600 }))).toEqual([]);
    expect(stage(lease(3, { memoryBytes: 100 }))).toEqual([]);
    const effects = words(give({ kind: 'exited', leaseId: 1, exit: succeeded }));
    expect(effects).toEqual(['collect 1', 'start 2', 'start 3']);
  });

  test('a task that wants more than all of it runs alone', () => {
    expect(stage(lease(1, { memoryBytes: 2_000 }))).toEqual(['start 1']);
    expect(stage(lease(2, { memoryBytes: 1 }))).toEqual([]);
  });
});

describe('a fetch that fails', () => {
  test('is tried less and less often, then the lease is given back', () => {
    tell({ grants: [lease(1)] });
    give({ kind: 'inputsMeasured', leaseId: 1, missingBytes: 10 });
    const spans: number[] = [];
    for (let tries = 1; ; tries += 1) {
      const failed = { leaseId: 1, detail: 'no route', isFinal: false };
      const effects = words(give({ kind: 'fetchFailed', ...failed }));
      if (effects.length > 0) {
        expect(effects).toEqual(['say ended 1 given_back']);
        expect(tries).toBe(8);
        break;
      }
      const { afterMs, done } = nextStep();
      expect(done).toEqual(['measureInputs 1']);
      spans.push(afterMs);
      give({ kind: 'inputsMeasured', leaseId: 1, missingBytes: 10 });
    }
    expect(spans).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  test('for good ends the attempt before it started', () => {
    tell({ grants: [lease(1)] });
    give({ kind: 'inputsMeasured', leaseId: 1, missingBytes: 10 });
    const effects = give({ kind: 'fetchFailed', leaseId: 1, detail: 'bad', isFinal: true });
    expect(words(effects)).toEqual(['collect 1']);
  });
});

describe('a result', () => {
  beforeEach(() => {
    stage(lease(1));
    give({ kind: 'exited', leaseId: 1, exit: succeeded });
  });
  const collected = { kind: 'collected', leaseId: 1, exit: succeeded, result } as const;

  test('that can not be collected now is collected later', () => {
    expect(give({ kind: 'collectFailed', leaseId: 1 })).toEqual([]);
    expect(nextStep()).toEqual({ afterMs: 5_000, done: ['collect 1'] });
    give({ kind: 'collectFailed', leaseId: 1 });
    expect(nextStep()).toEqual({ afterMs: 10_000, done: ['collect 1'] });
  });

  test('that can not be sent gives its place away, and asks again less and less often', () => {
    expect(words(give({ ...collected, sizeBytes: 50_000 }))).toEqual([
      'say exited 1',
      'say transferWanted 1',
    ]);
    expect(tell({ transfers: [{ leaseId: 1, direction: 'up' }] })).toEqual(['upload 1']);
    const effects = give({ kind: 'uploadFailed', leaseId: 1, detail: '' });
    expect(words(effects)).toEqual(['say transferDone 1']);
    expect(nextStep()).toEqual({ afterMs: 10_000, done: ['say transferWanted 1'] });
  });

  test('that is small needs no place, and backs off too', () => {
    expect(words(give({ ...collected, sizeBytes: 9 }))).toEqual(['say exited 1', 'upload 1']);
    for (const afterMs of [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      give({ kind: 'uploadFailed', leaseId: 1, detail: '' });
      expect(nextStep()).toEqual({ afterMs, done: ['upload 1'] });
    }
  });

  test('that the scheduler misses is collected again', () => {
    give({ ...collected, sizeBytes: 9 });
    expect(words(give({ kind: 'uploaded', leaseId: 1 }))).toEqual(['say ended 1 succeeded']);
    expect(tell({ blobsMissing: [1] })).toEqual(['collect 1']);
    expect(words(give({ ...collected, sizeBytes: 9 }))).toEqual(['say exited 1', 'upload 1']);
  });

  test('is said until it is acknowledged, through any reconnect', () => {
    give({ ...collected, sizeBytes: 9 });
    give({ kind: 'uploaded', leaseId: 1 });
    for (const afterMs of [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      expect(nextStep()).toEqual({ afterMs, done: ['say ended 1 succeeded'] });
    }
    const again = words(give({ kind: 'connected' }));
    expect(again).toEqual(['say report', 'say ended 1 succeeded']);
    expect(tell({ acknowledged: [1] })).toEqual(['forget 1']);
    expect(next().done).toEqual([]);
  });

  test('that nobody takes in 30 days is dropped, and that is said', () => {
    give({ ...collected, sizeBytes: 9 });
    give({ kind: 'uploaded', leaseId: 1 });
    nowMs += 30 * dayMs - 1;
    expect(words(give({ kind: 'tick' }))).not.toContain('forget 1');
    nowMs += 1;
    expect(words(give({ kind: 'tick' }))).toEqual(['forget 1', 'say ended 1 lost']);
    expect(words(give({ kind: 'connected' }))).toContain('say ended 1 lost');
  });
});

describe('what an earlier agent left', () => {
  const adopt = (...attempts: Extract<Command, { kind: 'adopted' }>['attempts']) =>
    words(give({ kind: 'adopted', attempts }));

  test('running tasks hold their slots, ended ones are collected, sent ones only said', () => {
    expect(
      adopt(
        { lease: lease(1), phase: 'running' },
        { lease: lease(2), phase: 'exited', exit: succeeded, heldMs: 0 },
        { lease: lease(3), phase: 'sent', exit: succeeded, result, heldMs: 0 },
      ),
    ).toEqual(['collect 2', 'say ended 3 succeeded']);
    expect(stage(lease(4))).toEqual(['start 4']);
    expect(stage(lease(5))).toEqual([]);
  });

  test('a result is kept for what is left of its 30 days', () => {
    adopt({ lease: lease(3), phase: 'sent', exit: succeeded, result, heldMs: 29 * dayMs });
    nowMs += dayMs;
    expect(words(give({ kind: 'tick' }))).toContain('forget 3');
  });

  test('a grant of what is held already is not taken twice', () => {
    adopt({ lease: lease(1), phase: 'running' });
    expect(tell({ grants: [lease(1)] })).toEqual([]);
  });
});

const closed: Allowance = {
  ...noAllowance,
  notAccepting: { code: 'hours', reason: 'it is night' },
};

describe('the owner', () => {
  test('who closes gets back what has not started; what runs goes on', () => {
    stage(lease(1));
    tell({ grants: [lease(2)] });
    const effects = words(give({ kind: 'allowanceChanged', allowance: closed }));
    expect(effects).toEqual(['say ended 2 given_back', 'say report']);
    expect(tell({ grants: [lease(3)] })).toEqual(['say ended 3 given_back']);
  });

  test('who was given another part of the month keeps to it, and says so', () => {
    expect(tell({ allotmentBytes: 5e9 })).toEqual(['allot', 'say report']);
  });

  test('who refuses a researcher gets back what has not started, and what runs ends', () => {
    stage(lease(1));
    stage(lease(2, { researcher: 'bob' }));
    tell({ grants: [lease(3)] });
    const allowance = { ...open, refuses: ['ada'] };
    const effects = words(give({ kind: 'allowanceChanged', allowance }));
    expect(effects).toEqual(['stop 1', 'say ended 3 given_back', 'say report']);
    expect(words(give({ kind: 'allowanceChanged', allowance }))).toEqual([]);
    expect(tell({ grants: [lease(4)] })).toEqual(['say ended 4 given_back']);
    expect(tell({ grants: [lease(5, { researcher: 'bob' })] })).toEqual(['measureInputs 5']);
  });

  test('who allows no internet gets back what has not started of that, and what runs ends', () => {
    const internet = { maxBytes: 1e6, downBps: 0, upBps: 0 };
    expect(tell({ grants: [lease(1, { internet })] })).toEqual(['say ended 1 given_back']);
    give({ kind: 'allowanceChanged', allowance: { ...open, allowsInternet: true } });
    stage(lease(2, { internet }));
    stage(lease(3));
    const effects = words(give({ kind: 'allowanceChanged', allowance: open }));
    expect(effects).toEqual(['stop 2', 'say report']);
  });

  test('who changes what the scheduler must know is heard at once', () => {
    const changes = [{ slots: 1 }, { memoryBytes: 5 }, { ...closed }];
    for (const change of changes) {
      const allowance = { ...open, ...change };
      expect(words(give({ kind: 'allowanceChanged', allowance }))).toEqual(['say report']);
      expect(words(give({ kind: 'allowanceChanged', allowance }))).toEqual([]);
    }
    const warmer = { code: 'hours', reason: 'it is a darker night' };
    const allowance = { ...closed, notAccepting: warmer };
    expect(words(give({ kind: 'allowanceChanged', allowance }))).toEqual([]);
  });

  test('who ends tasks ends them once, with the reason', () => {
    stage(lease(1));
    const allowance = { ...closed, isEndingTasks: true };
    const effects = give({ kind: 'allowanceChanged', allowance });
    const stop = { kind: 'stop', leaseId: 1, code: 'owner', detail: 'it is night' };
    expect(effects).toContainEqual(stop);
    expect(give({ kind: 'allowanceChanged', allowance })).toEqual([]);
  });

  test('who has ended tasks ends those too that an earlier agent left running', () => {
    give({ kind: 'allowanceChanged', allowance: { ...closed, isEndingTasks: true } });
    const attempts = [{ lease: lease(1), phase: 'running' }] as const;
    expect(words(give({ kind: 'adopted', attempts }))).toEqual(['stop 1']);
  });
});

describe('while tasks stand still', () => {
  test('for ten minutes they go back, once', () => {
    stage(lease(1));
    const paused = { ...closed, isFreezing: true };
    give({ kind: 'allowanceChanged', allowance: paused });
    nowMs += 599_999;
    expect(words(give({ kind: 'tick' })).join()).not.toContain('stop');
    // Another look at the same pause does not begin anew.
    give({ kind: 'allowanceChanged', allowance: { ...paused, slots: 0 } });
    nowMs += 1;
    expect(words(give({ kind: 'tick' }))).toContain('stop 1');
    nowMs += 600_000;
    expect(words(give({ kind: 'tick' })).join()).not.toContain('stop');
  });

  test('they go on in time', () => {
    stage(lease(1));
    give({ kind: 'allowanceChanged', allowance: { ...closed, isFreezing: true } });
    give({ kind: 'allowanceChanged', allowance: open });
    nowMs += 600_000;
    expect(words(give({ kind: 'tick' })).join()).not.toContain('stop');
  });
});

test('a cancelled task is stopped once; before it started it ends at once', () => {
  stage(lease(1));
  tell({ grants: [lease(2)] });
  expect(tell({ cancels: [1, 2] })).toEqual(['stop 1', 'say ended 2 cancelled']);
  expect(tell({ cancels: [1] })).toEqual([]);
});

// A task goes only where the owner's hours last long enough for it.

import { expect, test } from 'vitest';
import type { JobTemplate } from '../../../scheduler/core/index.ts';
import { jobId } from '../../../scheduler/core/index.ts';
import { CoreHarness, template } from './harness.ts';

const minuteMs = 60_000;

/** One Pi 3 (four slots of 1.2 GHz) whose owner's hours end in so many minutes. */
function node(hoursLeft: number | null): CoreHarness {
  const core = new CoreHarness();
  core.setSite('home', 1e9);
  core.node('pi', 'home');
  tell(core, hoursLeft);
  return core;
}

function tell(core: CoreHarness, hoursLeft: number | null, refuses: readonly string[] = []): void {
  core.speak('pi', {
    status: {
      ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
      ...{ uplink: null, isAccepting: true, notAccepting: null, slots: 4 },
      refuses,
      month: null,
      hoursLeftMs: hoursLeft === null ? null : hoursLeft * minuteMs,
    },
  });
}

/** 10 minutes on a slot of the Pi: 12 with the margin. */
const tenMinutes = { workGhzSeconds: 720, outputBytes: 0 };

function placed(core: CoreHarness, changes: Partial<JobTemplate>): number {
  core.submit('job', { taskCount: 100, profile: tenMinutes, ...changes });
  return core.take('grant').length;
}

test.each([
  ['no hours set: two for each slot', null, {}, 8],
  ['hours for two after each other', 23, {}, 8],
  // The first of the slots is free in 10 minutes, then 12 more are needed.
  ['hours for one only: none is staged behind it', 21, {}, 4],
  ['hours that are just long enough', 12, {}, 4],
  ['a minute too short', 11, {}, 0],
  ['a timeout that ends it earlier', 11, { timeoutMs: 5 * minuteMs }, 4],
  ['an unknown task counts with its timeout', 59, { profile: template().profile }, 8],
  [
    'an unknown task that may take longer',
    59,
    { profile: { workGhzSeconds: null, outputBytes: null } },
    0,
  ],
  ['an unknown task that may not', 61, { profile: { workGhzSeconds: null, outputBytes: null } }, 8],
] as const)('%s', (_, hoursLeft, changes, count) => {
  expect(placed(node(hoursLeft), changes)).toBe(count);
});

test('what its owner refuses is placed elsewhere, and explained', () => {
  const core = new CoreHarness();
  core.setSite('home', 1e9);
  core.node('pi', 'home');
  tell(core, null, ['ada']);
  core.submit('job', { taskCount: 1 });
  expect(core.take('grant')).toEqual([]);
  expect(JSON.stringify(core.view.explain(jobId('job'), 0))).toContain('wants no work of ada');
  core.node('other', 'home');
  expect(core.take('grant').map((grant) => grant.nodeId)).toEqual(['other']);
});

test('an owner who changes her mind is heard', () => {
  const core = node(null);
  tell(core, null, ['ada']);
  core.submit('job', { taskCount: 1 });
  expect(core.take('grant')).toEqual([]);
  tell(core, null, ['bob']);
  expect(core.take('grant')).toHaveLength(1);
});

test('the hours run down between reports, and a new report brings them back', () => {
  const core = node(60);
  core.wait(50 * minuteMs);
  core.speak('pi', {});
  expect(placed(core, {})).toBe(0);
  tell(core, 9 * 60);
  expect(core.take('grant')).toHaveLength(8);
});

test('explain and a dry run tell it, with what helps', () => {
  const core = node(35);
  const unknown = { profile: { workGhzSeconds: null, outputBytes: null } };
  core.submit('job', unknown);
  expect(core.view.explain(jobId('job'), null)?.summary).toBe(
    "All 4 tasks wait. At the only node: its owner's hours end in 35 min, and a task may take 1 h. " +
      'What helps: declare profile.work or a shorter timeout: until some tasks have ended, the timeout counts.',
  );
  const wanted = {
    researcher: 'ada',
    template: template({
      profile: { workGhzSeconds: 7_200, outputBytes: 0 },
      timeoutMs: 180 * minuteMs,
    }),
  };
  expect(core.view.dryRun(wanted).refusals).toMatchObject([
    {
      code: 'hours_left',
      reason: "its owner's hours end in 35 min, and a task needs 2 h",
      remedy: 'wait for longer hours, or make shorter tasks',
    },
  ]);
});

test('what runs already is not counted twice when it ends', () => {
  const core = node(23);
  expect(placed(core, {})).toBe(8);
  for (const lease of [...core.state.leases.keys()]) core.end('pi', lease, 'succeeded');
  const [pi] = core.state.nodes;
  const held = [...core.state.leases.values()].reduce((sum, each) => sum + each.workGhzSeconds, 0);
  expect(pi?.pendingWorkGhzSeconds).toBeCloseTo(held);
});

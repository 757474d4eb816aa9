// Lists of tasks by what they do: the search by column finds what a look at each task finds.

import { expect, test } from 'vitest';
import type { TaskPhase } from '../../../scheduler/core/index.ts';
import { jobId } from '../../../scheduler/core/index.ts';
import { CoreHarness } from './harness.ts';

const phases = ['waiting', 'staging', 'running', 'sending', 'succeeded', 'failed', 'cancelled'];

test('each filter gives the tasks in that phase, from any index on', () => {
  const core = new CoreHarness();
  core.setSite('home', 10e6);
  core.node('pi', 'home');
  core.submit('job', { taskCount: 40, retries: 0 });
  const [running, sending, good, bad] = core.take('grant').map((grant) => grant.leaseId);
  if (running === undefined || sending === undefined) throw new Error('nothing was granted');
  if (good === undefined || bad === undefined) throw new Error('too little was granted');
  core.speak('pi', { started: [running], exited: [sending] });
  core.end('pi', good, 'succeeded');
  core.end('pi', bad, 'exited');
  const list = (phase: TaskPhase | null, from: number, limit = 1_000) =>
    core.view.tasks({ jobId: jobId('job'), phase, from, limit });
  const all = list(null, 0);
  expect(new Set(all.map((task) => task.phase)).size).toBe(6);
  for (const phase of phases as readonly TaskPhase[]) {
    for (const from of [0, 1, 3, 20, 40]) {
      const wanted = all.filter((task) => task.phase === phase && task.index >= from);
      expect(list(phase, from)).toEqual(wanted);
      expect(list(phase, from, 2)).toEqual(wanted.slice(0, 2));
    }
  }
});

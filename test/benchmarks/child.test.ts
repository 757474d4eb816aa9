// A benchmark whose processes fail says so at once, instead of waiting for what will not come.

import { afterEach, expect, it } from 'vitest';
import type { BareAnswer, BareQuestion } from '../../benchmarks/bare-bus.ts';
import { Child } from '../../benchmarks/child.ts';
import { follow } from '../../benchmarks/progress.ts';
import { SchedulerProcess } from '../../benchmarks/scheduler-process.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function startChild(): Child<BareQuestion, BareAnswer> {
  const child = new Child<BareQuestion, BareAnswer>('bare-bus');
  stops.push(() => child.stop());
  return child;
}

it('a process that dies rejects what waits for it, and what comes later', async () => {
  const child = startChild();
  expect(await child.ask({ kind: 'tell' })).toEqual({ open: 0, count: 0 });
  const { pid } = child;
  const look = (): Promise<BareAnswer> => child.ask({ kind: 'tell' });
  const following = follow({ what: 'rounds', look, isOver: () => false });
  process.kill(pid, 'SIGKILL');
  await expect(following).rejects.toThrow('bare-bus has ended (SIGKILL)');
  await expect(child.ask({ kind: 'tell' })).rejects.toThrow('bare-bus has ended (SIGKILL)');
  expect(() => child.pid).toThrow('bare-bus has ended');
});

it('a question that fails ends its process, and tells who asked', async () => {
  const child = startChild();
  const options = { url: 'tls://localhost:1', credentials: 'none', caPem: '' };
  const asked = child.ask({ kind: 'count', options, subject: 'x' });
  await expect(asked).rejects.toThrow(/^bare-bus has ended \(exit 1\): .*\S/s);
});

it('a scheduler that died is named, with how it ended', async () => {
  const scheduler = await SchedulerProcess.start();
  stops.push(() => scheduler.remove());
  await scheduler.end('SIGKILL');
  expect(() => scheduler.pid).toThrow('the scheduler has ended (SIGKILL)');
});

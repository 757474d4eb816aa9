// What a node does of the probes that it is asked for.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProbeTasks } from '../../../agent/adapters/uplink/probe-tasks.ts';
import { ProbeTask } from '../../../proto/gen/punnet/v1/agent.ts';
import { readTrainPacket, writeTrainPacket } from '../../../proto/trains.ts';

const host = '127.0.0.1';
const hourMs = 3_600_000;
const blank = { train: 0, sequence: 0, count: 0, word: 0, spanMicros: 0, spanCount: 0 };

/** A scheduler that asks for two trains of ten and says that it is done. */
class Scheduler {
  readonly #socket = createSocket('udp4');
  readonly nonce = randomBytes(16);
  hellos = 0;

  async start(): Promise<void> {
    this.#socket.bind(0, host);
    await once(this.#socket, 'listening');
    this.#socket.on('message', (bytes, from) => {
      if (readTrainPacket(this.nonce, bytes)?.kind !== 'hello') return;
      this.hellos += 1;
      for (const kind of ['ask', 'ask', 'bye'] as const) {
        const packet = writeTrainPacket(this.nonce, { ...blank, kind, count: 10 });
        this.#socket.send(packet, from.port, from.address);
      }
    });
  }

  get task(): ProbeTask {
    const { port } = this.#socket.address();
    return ProbeTask.fromPartial({ host, port, nonce: this.nonce, maxBytes: 138_000 });
  }

  stop(): void {
    this.#socket.close();
  }
}

let scheduler: Scheduler;
let nowMs = 0;
let mayProbe = true;
let carried: { readonly host: string; readonly bytes: number }[] = [];
let tasks: ProbeTasks;

beforeEach(async () => {
  scheduler = new Scheduler();
  await scheduler.start();
  [nowMs, mayProbe, carried] = [0, true, []];
  tasks = new ProbeTasks({
    mayProbe: () => mayProbe,
    carried: (to, bytes) => carried.push({ host: to, bytes }),
    nowMs: () => nowMs,
  });
});
afterEach(() => {
  tasks.close();
  scheduler.stop();
});

/** One that is taken, to its end. */
async function toEnd(task: ProbeTask): Promise<void> {
  const before = carried.length;
  tasks.take(task);
  while (carried.length === before) await sleep(5);
}

test('its trains count as what the household carries', async () => {
  await toEnd(scheduler.task);
  expect(carried).toEqual([{ host, bytes: 24_000 }]);
});

test.each<[string, Partial<ProbeTask>]>([
  ['no host', { host: '' }],
  ['a host that is no name', { host: 'a b' }],
  ['no port', { port: 0 }],
  ['a port that there is not', { port: 70_000 }],
  ['a nonce that is too short', { nonce: randomBytes(15) }],
  ['no bytes', { maxBytes: 0 }],
])('one with %s is left, and the next is taken', async (_, wrong) => {
  tasks.take({ ...scheduler.task, ...wrong });
  await toEnd(scheduler.task);
  expect(carried).toHaveLength(1);
});

test('none while its owner lets it do no work, and no other while one is under way', async () => {
  mayProbe = false;
  tasks.take(scheduler.task);
  mayProbe = true;
  const first = toEnd(scheduler.task);
  tasks.take(scheduler.task);
  await first;
  expect(scheduler.hellos).toBe(1);
});

test('four in a day, whatever the scheduler asks for', async () => {
  for (const _ of [1, 2, 3, 4]) {
    await toEnd(scheduler.task);
    nowMs += hourMs;
  }
  tasks.take(scheduler.task);
  // The first is a day ago.
  nowMs = 24 * hourMs;
  await toEnd(scheduler.task);
  tasks.take(scheduler.task);
  expect(scheduler.hellos).toBe(5);
});

test('one that is under way ends with the agent', async () => {
  const silent = createSocket('udp4').bind(0, host);
  await once(silent, 'listening');
  tasks.take({ ...scheduler.task, port: silent.address().port });
  await once(silent, 'message');
  tasks.close();
  while (carried.length === 0) await sleep(5);
  expect(carried).toEqual([{ host, bytes: 0 }]);
  silent.close();
});

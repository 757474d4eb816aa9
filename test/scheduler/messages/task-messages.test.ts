// What the scheduler hands on of what tasks say: only what is one, and no more than a line bears.

import { expect, test } from 'vitest';
import { TaskMessage } from '../../../proto/gen/punnet/v1/agent.ts';
import { maxTaskMessageBytes } from '../../../proto/subjects.ts';
import {
  TaskMessages,
  burstMessages,
  messagesPerSecond,
} from '../../../scheduler/adapters/messages/task-messages.ts';
import { leaseId, nodeId } from '../../../scheduler/core/index.ts';

const [one, two] = [nodeId('one'), nodeId('two')];

const encoded = (body: Uint8Array, taskIndex = 0): Uint8Array =>
  TaskMessage.encode({ leaseId: 3, taskIndex, body: Buffer.from(body) }).finish();

function handedOn() {
  const sent: { readonly to: string; readonly message: TaskMessage }[] = [];
  const clock = { nowMs: 0 };
  const messages = new TaskMessages({
    recipientsOf: ({ toIndex }) =>
      toIndex === 1 ? [{ nodeId: two, leaseId: leaseId(7), fromIndex: 0 }] : [],
    send: (to, message) => sent.push({ to, message }),
    nowMs: () => clock.nowMs,
  });
  const say = (body: Uint8Array, taskIndex = 1, from = one): string | null =>
    messages.hear(from, encoded(body, taskIndex));
  return { sent, clock, messages, say };
}

test('a message arrives with the lease of who gets it and the task that it is from', () => {
  const { sent, say } = handedOn();
  const body = Buffer.alloc(maxTaskMessageBytes, 1);
  expect(say(body)).toBeNull();
  expect(sent).toEqual([{ to: 'two', message: { leaseId: 7, taskIndex: 0, body } }]);
  expect(say(Buffer.alloc(0), 2)).toBeNull();
  expect(sent).toHaveLength(1);
});

test.each<[what: string, bytes: Uint8Array]>([
  ['noise', Buffer.alloc(40, 255)],
  [
    'too large a body',
    TaskMessage.encode(TaskMessage.create({ body: Buffer.alloc(4_097) })).finish(),
  ],
  ['far too much', Buffer.alloc(60_000)],
])('%s is dropped with a reason', (_what, bytes) => {
  const { sent, messages } = handedOn();
  expect(messages.hear(one, bytes)).toBe('no message of a task');
  expect(sent).toEqual([]);
});

test('a node says so many and no more, until time has passed', () => {
  const { sent, clock, say } = handedOn();
  const told = (): void => {
    for (let count = 0; count <= burstMessages; count += 1) say(Buffer.from('x'));
  };
  told();
  expect(sent).toHaveLength(burstMessages);
  expect(say(Buffer.from('x'))).toMatch('more than 2 task messages a second');
  clock.nowMs = 1_000;
  told();
  expect(sent).toHaveLength(burstMessages + messagesPerSecond);
});

test('many that speak to one node do not fill its line', () => {
  const { sent, say } = handedOn();
  for (let speaker = 0; speaker < 200; speaker += 1) {
    expect(say(Buffer.from('x'), 1, nodeId(`n${speaker}`))).toBeNull();
  }
  expect(sent).toHaveLength(burstMessages);
});

// A task's socket as a program in its sandbox finds it: real HTTP over a unix socket.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { TaskSockets, burstMessages } from '../../../agent/adapters/messages/task-sockets.ts';
import { SandboxError } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import type { TaskMessage } from '../../../proto/gen/punnet/v1/agent.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-sockets-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'socket/agent');

let said: TaskMessage[];
let world: { isThere: boolean; hasBytes: boolean; nowMs: number };
let sockets: TaskSockets;

beforeEach(async () => {
  said = [];
  world = { isThere: true, hasBytes: true, nowMs: 0 };
  sockets = new TaskSockets({
    say: (message) => world.isThere && said.push(message) > 0,
    mayTransfer: () => world.hasBytes,
    nowMs: () => world.nowMs,
  });
  await sockets.open(7, folder);
});
afterEach(() => sockets.stop());

interface Answer {
  readonly status: number;
  readonly from: string | undefined;
  readonly body: string;
}

function ask(method: string, url: string, body = '', signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: path, agent: false, method, path: url, signal },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('end', () => {
          const from = response.headers['punnet-task'];
          resolve({ status: response.statusCode ?? 0, from: from?.toString(), body: text });
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

const hear = (taskIndex: number, text: string): void =>
  sockets.take({ leaseId: 7, taskIndex, body: Buffer.from(text) });

test('what is posted goes to that task, and the task alone may do so', async () => {
  expect(await ask('POST', '/v1/tasks/12/messages', 'half')).toMatchObject({ status: 202 });
  expect(said).toEqual([{ leaseId: 7, taskIndex: 12, body: Buffer.from('half') }]);
  expect(statSync(path).mode & 0o666).toBe(0o666);
  expect(statSync(join(folder, 'socket')).mode & 0o777).toBe(0o700);
});

test('what others say is read once, the oldest first, and waited for', async () => {
  hear(3, 'first');
  hear(4, 'second');
  expect(await ask('GET', '/v1/messages')).toEqual({ status: 200, from: '3', body: 'first' });
  expect(await ask('GET', '/v1/messages?wait=9')).toMatchObject({ from: '4', body: 'second' });
  expect(await ask('GET', '/v1/messages')).toMatchObject({ status: 204 });
  const waiting = ask('GET', '/v1/messages?wait=30');
  while (await silent()) hear(5, 'late');
  expect(await waiting).toMatchObject({ from: '5', body: 'late' });

  /** Whether nobody waits yet. */
  async function silent(): Promise<boolean> {
    const gone = await Promise.race([waiting.then(() => false), ask('GET', '/v1/none')]);
    return gone !== false;
  }
});

test('a reader that is gone takes no message along', async () => {
  const gone = new AbortController();
  const left = ask('GET', '/v1/messages?wait=30', '', gone.signal).catch(() => 'gone');
  await ask('GET', '/v1/none');
  gone.abort();
  expect(await left).toBe('gone');
  // Served after the end of the other connection was seen.
  await ask('GET', '/v1/none');
  hear(1, 'kept');
  expect(await ask('GET', '/v1/messages?wait=5')).toMatchObject({ body: 'kept' });
});

test.each([
  ['another path', 'GET', '/v1/blobs', '', 404],
  ['another method', 'PUT', '/v1/tasks/1/messages', 'x', 404],
  ['no number of a task', 'POST', '/v1/tasks/-1/messages', 'x', 404],
  ['a wait of an hour', 'GET', '/v1/messages?wait=3600', '', 404],
  ['more than 4 KiB', 'POST', '/v1/tasks/1/messages', 'x'.repeat(4_097), 413],
  ['far more', 'POST', '/v1/tasks/1/messages', 'x'.repeat(100_000), 413],
])('%s is refused with words', async (_what, method, url, body, status) => {
  const answer = await ask(method, url, body);
  expect(answer.status).toBe(status);
  expect(answer.body).toMatch(/there are POST|at most 4096/);
  expect(said).toEqual([]);
  expect(await ask('POST', '/v1/tasks/1/messages', 'x'.repeat(4_096))).toMatchObject({
    status: 202,
  });
});

test('nothing is said while the scheduler is away, or the month has no bytes left', async () => {
  world.isThere = false;
  expect(await ask('POST', '/v1/tasks/1/messages', 'x')).toMatchObject({ status: 503 });
  Object.assign(world, { isThere: true, hasBytes: false });
  expect(await ask('POST', '/v1/tasks/1/messages', 'x')).toMatchObject({ status: 503 });
  expect(said).toEqual([]);
});

test('a node says so many at once, and more when time has passed', async () => {
  for (let count = 0; count < burstMessages; count += 1) {
    expect(await ask('POST', '/v1/tasks/1/messages', 'x')).toMatchObject({ status: 202 });
  }
  expect(await ask('POST', '/v1/tasks/1/messages', 'x')).toMatchObject({ status: 429 });
  world.nowMs = 500;
  expect(await ask('POST', '/v1/tasks/1/messages', 'x')).toMatchObject({ status: 202 });
  expect(await ask('POST', '/v1/tasks/1/messages', 'x')).toMatchObject({ status: 429 });
});

test('what nobody reads takes no more room than 64 messages', async () => {
  for (let count = 0; count < 100; count += 1) hear(0, String(count));
  let last = '';
  for (let read = 0; ; read += 1) {
    const { status, body } = await ask('GET', '/v1/messages');
    if (status === 204) {
      expect(read).toBe(64);
      break;
    }
    last = body;
  }
  expect(last).toBe('63');
});

test('a closed one hears nothing, and is opened again where a socket lies', async () => {
  sockets.close(7);
  hear(1, 'lost');
  await expect(ask('GET', '/v1/messages')).rejects.toThrow(/ENOENT|ECONNREFUSED/);
  await sockets.open(7, folder);
  expect(await ask('GET', '/v1/messages')).toMatchObject({ status: 204 });
});

test('where the path is too long for the system it is told', async () => {
  const deep = join(folder, 'd'.repeat(110));
  await expect(sockets.open(8, deep)).rejects.toThrow(SandboxError);
  await expect(sockets.open(8, deep)).rejects.toThrow(
    /lease 8: wanted a unix socket .*\(--state\) elsewhere/,
  );
});

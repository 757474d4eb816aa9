// Starting a scheduler: what a first start that was killed leaves, and what keeps one from starting.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, expect, onTestFinished, test } from 'vitest';
import { readContextFile } from '../../scheduler/cli/context.ts';
import { Connection } from '../../scheduler/cli/connection.ts';
import type { Program } from './program.ts';
import { Rig, checkBuild } from './rig.ts';

checkBuild();
const rig = new Rig();

afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig.logs()}\n`);
});
afterAll(() => rig.stop());

function freshFolder(name: string): string {
  const folder = join(rig.folder, name);
  mkdirSync(folder);
  return folder;
}

/** How many operators' tokens there are, asked with the context that the scheduler wrote. */
async function operatorTokens(data: string): Promise<number> {
  const connection = new Connection(await readContextFile(join(data, 'operator.context')));
  try {
    const list = connection.tokens.listTokens.bind(connection.tokens);
    const { tokens } = await connection.call(list, { pageSize: 0, pageToken: '' });
    return tokens.filter((token) => token.role === 3).length;
  } finally {
    connection.close();
  }
}

/** Starts a scheduler and kills it at the n-th change in its folder. False: it was ready before. */
async function killedAtChange(data: string, count: number): Promise<boolean> {
  const scheduler = rig.schedulerProgram(data);
  const ready = scheduler.said('"msg":"ready"').then(() => false);
  const killed = new Promise<boolean>((resolve) => {
    let left = count;
    const watcher = watch(data, { recursive: true }, () => {
      left -= 1;
      if (left > 0) return;
      watcher.close();
      resolve(true);
    });
    void scheduler.ended.then(() => watcher.close());
  });
  const isKilled = await Promise.race([ready, killed]);
  ready.catch(() => undefined);
  await scheduler.kill('SIGKILL');
  return isKilled;
}

test('a first start that is killed again and again ends in one that works, with one operator', async () => {
  const data = freshFolder('killed');
  let kills = 0;
  // Later starts find more there and change less: the step stays small, to meet each file.
  for (let at = 1; await killedAtChange(data, at); at += 5) kills += 1;
  expect(kills).toBeGreaterThan(3);
  const scheduler = rig.schedulerProgram(data);
  await scheduler.said('"msg":"ready"');
  expect(await operatorTokens(data)).toBe(1);
  await scheduler.kill('SIGTERM');
});

test.each([
  ['empty', ''],
  ['cut', '{"name":"punnet","endpoint":"localh'],
])('an operator.context that is %s is written anew, and lets the operator in', async (_, text) => {
  const data = freshFolder(`context-${text.length}`);
  writeFileSync(join(data, 'operator.context'), text);
  const scheduler = rig.schedulerProgram(data);
  await scheduler.said('"msg":"ready"');
  expect(await operatorTokens(data)).toBe(1);
  await scheduler.kill('SIGTERM');
});

test('a token that was written but not journalled lets the operator in after the next start', async () => {
  const data = freshFolder('unjournalled');
  const token = `pnt_${'ab'.repeat(16)}_${'cd'.repeat(16)}`;
  const context = { name: 'punnet', endpoint: 'localhost:1', caPem: '', token };
  writeFileSync(join(data, 'operator.context'), JSON.stringify(context));
  const scheduler = rig.schedulerProgram(data);
  await scheduler.said('"msg":"ready"');
  expect(await operatorTokens(data)).toBe(1);
  expect(await readContextFile(join(data, 'operator.context'))).toMatchObject({ token });
  await scheduler.kill('SIGTERM');
});

test('a second scheduler on a data folder is refused and names the first, which goes on', async () => {
  const data = freshFolder('shared');
  const first = rig.schedulerProgram(data);
  await first.said('"msg":"ready"');
  const second = rig.schedulerProgram(data);
  expect(await second.ended).toEqual({ code: 1, signal: null });
  expect(second.lines).toEqual([
    `punnet-scheduler: Another scheduler (process ${first.pid}) runs on ${data}: stop it first, or use another folder.`,
  ]);
  expect(await operatorTokens(data)).toBe(1);
  await first.kill('SIGTERM');
});

/** Takes a port until the test ends. */
async function takePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  // A server that listens on TCP has an address with a port.
  return (server.address() as AddressInfo).port;
}

test.each([
  ['--grpc-port', 'the gRPC API', '--https-port'],
  ['--https-port', 'enrolment and blobs', '--grpc-port'],
])('a busy port is named with its owner and the way out: %s', async (flag, what, other) => {
  const port = await takePort();
  const data = freshFolder(`busy${flag}`);
  const words = ['--data', data, flag, String(port), other, '0'];
  const scheduler = rig.run('scheduler', 'scheduler/main.js', ...words);
  expect(await scheduler.ended).toEqual({ code: 1, signal: null });
  expect(scheduler.lines.at(-1)).toBe(
    `punnet-scheduler: Port ${port}, for ${what}, is taken by process ${process.pid} (node): end that, or choose another port (${flag}).`,
  );
});

test("a busy port of nats-server's is named with its owner and the way out", async () => {
  const port = await takePort();
  const data = freshFolder('busy-nats');
  writeFileSync(join(data, 'ports.json'), JSON.stringify({ nats: port }));
  const scheduler = rig.schedulerProgram(data);
  expect(await scheduler.ended).toEqual({ code: 1, signal: null });
  expect(scheduler.lines.at(-1)).toMatch(
    `Port ${port}, for nats-server, is taken by process ${process.pid} (node): end that`,
  );
});

test('a nats-server that an earlier scheduler left is ended, and nobody else', async () => {
  const data = freshFolder('orphan');
  const first = rig.schedulerProgram(data);
  await first.said('"msg":"ready"');
  await first.kill('SIGTERM');
  const configuration = join(data, 'nats/nats-server.conf');
  const pidFile = join(data, 'nats/nats-server.pid');
  const orphan = spawn('nats-server', ['-c', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  });
  const ended = new Promise((resolve) => orphan.once('exit', (_, signal) => resolve(signal)));
  await new Promise<void>((resolve) => {
    orphan.stderr.on('data', (bytes: Buffer) => {
      if (bytes.includes('Server is ready')) resolve();
    });
  });
  expect(Number(readFileSync(pidFile, 'utf8'))).toBe(orphan.pid);
  const second = rig.schedulerProgram(data);
  await second.said('"msg":"ready"');
  expect(await ended).toBe('SIGKILL');
  await second.kill('SIGTERM');
});

test('it serves on an address that is not localhost, and keeps its ports', async () => {
  const data = freshFolder('address');
  const start = async (): Promise<Program> => {
    const words = ['--data', data, '--listen', '127.0.0.9', '--name', '127.0.0.9'];
    const ports = ['--grpc-port', '0', '--https-port', '0'];
    const scheduler = rig.run('scheduler', 'scheduler/main.js', ...words, ...ports);
    await scheduler.said('"msg":"ready"');
    return scheduler;
  };
  const first = await start();
  const text = readFileSync(join(data, 'ports.json'), 'utf8');
  // Where the kernel takes the ports of outgoing connections from, a kept port would get lost.
  const kept = Object.values(JSON.parse(text) as Record<string, number>);
  expect(kept.every((port) => port >= 20_000 && port < 32_768)).toBe(true);
  expect(await operatorTokens(data)).toBe(1);
  await first.kill('SIGTERM');
  const second = await start();
  expect(readFileSync(join(data, 'ports.json'), 'utf8')).toBe(text);
  expect(await operatorTokens(data)).toBe(1);
  await second.kill('SIGTERM');
});

test('a damaged key is named, with what to do, and nothing is made in its place', async () => {
  const data = freshFolder('damaged');
  mkdirSync(join(data, 'nats'));
  writeFileSync(join(data, 'nats/identity.json'), '{"operator":');
  const scheduler = rig.schedulerProgram(data);
  expect(await scheduler.ended).toEqual({ code: 1, signal: null });
  expect(scheduler.tail()).toMatch(/identity\.json is damaged: restore it from a backup/);
  expect(readFileSync(join(data, 'nats/identity.json'), 'utf8')).toBe('{"operator":');
  expect(existsSync(join(data, 'operator.context'))).toBe(false);
});

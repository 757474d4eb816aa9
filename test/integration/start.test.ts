// Starting a scheduler: what a first start that was killed leaves, and what keeps one from starting.

import { existsSync, mkdirSync, readFileSync, watch } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, expect, onTestFinished, test } from 'vitest';
import { TokenRole } from '../../proto/gen/punnet/v1/token_service.ts';
import { Connection } from '../../scheduler/cli/connection.ts';
import { readContextFile } from '../../scheduler/cli/context.ts';
import { longTestMs } from './program.ts';
import { Rig, checkBuild, until } from './rig.ts';

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
    return tokens.filter((token) => token.role === TokenRole.OPERATOR).length;
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
    // Files that come and go at once are no trouble.
    watcher.on('error', () => undefined);
    void scheduler.ended.then(() => watcher.close());
  });
  const isKilled = await Promise.race([ready, killed]);
  ready.catch(() => undefined);
  await scheduler.kill('SIGKILL');
  return isKilled;
}

test(
  'a first start that is killed again and again ends in one that works, with one operator',
  async () => {
    const data = freshFolder('killed');
    let kills = 0;
    for (let at = 1; await killedAtChange(data, at); at += 6) kills += 1;
    expect(kills).toBeGreaterThan(3);
    const scheduler = rig.schedulerProgram(data);
    await scheduler.said('"msg":"ready"');
    expect(await operatorTokens(data)).toBe(1);
    await scheduler.kill('SIGTERM');
  },
  longTestMs,
);

test('it serves on an address of its own, alone on its folder, and takes nats-server along', async () => {
  const data = freshFolder('address');
  const flags = ['--listen', '127.0.0.9', '--name', '127.0.0.9', '--grpc-port', '0'];
  const words = [
    'bin/punnet-scheduler.cjs',
    '--data',
    data,
    ...flags,
    '--https-port',
    '0',
    '--metrics-port',
    '0',
  ];
  const first = rig.run('scheduler', ...words);
  await first.said('"msg":"ready"');
  expect(await operatorTokens(data)).toBe(1);

  const second = rig.run('second scheduler', ...words);
  expect(await second.ended).toEqual({ code: 1, signal: null });
  expect(second.lines).toEqual([
    `punnet-scheduler: Another scheduler (process ${first.pid}) runs on ${data}: stop it first, or use another folder.`,
  ]);
  expect(await operatorTokens(data)).toBe(1);

  const natsPid = Number(readFileSync(join(data, 'nats/nats-server.pid'), 'utf8'));
  expect(readFileSync(`/proc/${natsPid}/comm`, 'utf8')).toBe('nats-server\n');
  await first.kill('SIGKILL');
  await until('nats-server is gone', () =>
    Promise.resolve(existsSync(`/proc/${natsPid}`) ? undefined : true),
  );
});

test.each([
  [
    '127.0.0.1:0',
    2,
    /--listen .*wanted an IP address of this machine, or 0\.0\.0\.0 or :: for all/,
  ],
  [
    '192.0.2.1',
    1,
    /^punnet-scheduler: --listen: wanted an address of this machine, found 192\.0\.2\.1: /,
  ],
])('--listen %s is refused, and nothing is made', async (address, code, why) => {
  const data = join(rig.folder, 'no-address');
  const words = ['--data', data, '--listen', address];
  const scheduler = rig.run('scheduler', 'bin/punnet-scheduler.cjs', ...words);
  expect(await scheduler.ended).toEqual({ code, signal: null });
  expect(scheduler.lines).toEqual([expect.stringMatching(why)]);
  expect(existsSync(data)).toBe(false);
});

test('--overlay is refused where there is none, and where its OpenVPN server does not run', async () => {
  const data = freshFolder('overlay');
  const folder = join(data, 'overlay');
  const start = async (): Promise<string> => {
    const words = ['--data', data, '--overlay', folder];
    const scheduler = rig.run('scheduler', 'bin/punnet-scheduler.cjs', ...words);
    expect(await scheduler.ended).toEqual({ code: 1, signal: null });
    expect(scheduler.lines).toHaveLength(1);
    return scheduler.tail();
  };
  expect(await start()).toMatch(/overlay: wanted the folder of an overlay, .*overlay init --help/);
  const flags = ['--prefix', 'fd00:1:2::/48', '--server', 'main=vpn.example.org:1194'];
  const made = await rig.call('bin/punnet.cjs', 'overlay', 'init', '--data', data, ...flags);
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toContain('systemctl enable --now openvpn-server@punnet-main.service');
  expect(await start()).toMatch(
    /wanted fd00:1:2::1, where nodes reach the bus, .* start its OpenVPN server first/,
  );
});

test('a busy port is named with its owner and the way out, without a stack trace', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  const data = freshFolder('busy');
  const words = [
    '--data',
    data,
    '--grpc-port',
    String(port),
    '--https-port',
    '0',
    '--metrics-port',
    '0',
  ];
  const scheduler = rig.run('scheduler', 'bin/punnet-scheduler.cjs', ...words);
  expect(await scheduler.ended).toEqual({ code: 1, signal: null });
  const owner = `process ${process.pid} (${readFileSync('/proc/self/comm', 'utf8').trim()})`;
  expect(scheduler.lines.at(-1)).toBe(
    `punnet-scheduler: Port ${port}, for the gRPC API, is taken by ${owner}: end that, or choose another port (--grpc-port).`,
  );
});

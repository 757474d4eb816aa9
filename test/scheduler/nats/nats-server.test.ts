// The life of the nats-server that a scheduler runs: it comes back when it dies, and a busy port is
// told, or freed when it is our own orphan that has it.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NatsServerError } from '../../../scheduler/adapters/nats/nats-server.ts';
import { NatsRig } from './nats-rig.ts';

let rig: NatsRig;
beforeEach(async () => {
  rig = await NatsRig.open();
});
afterEach(() => rig.close());

function pidOf(): number {
  return Number(readFileSync(join(rig.folder, 'nats/nats-server.pid'), 'utf8'));
}

test('one that is killed runs again on its port', async () => {
  await rig.start();
  const pid = pidOf();
  const back = (async () => {
    for await (const status of rig.server.system.status()) {
      if (status.type === 'reconnect') return;
    }
  })();
  process.kill(pid, 'SIGKILL');
  await back;
  expect(pidOf()).not.toBe(pid);
  expect(rig.logged.map(({ event }) => event)).toEqual([
    'nats-server died',
    'nats-server runs again',
  ]);
});

test('one that an earlier scheduler left is ended, and the new one has its port', async () => {
  await rig.start();
  await rig.stop();
  const configuration = join(rig.folder, 'nats/nats-server.conf');
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
  expect(pidOf()).toBe(orphan.pid);
  await rig.start();
  expect(await ended).toBe('SIGKILL');
  expect(rig.logged).toEqual([
    {
      event: 'ended a nats-server that an earlier scheduler left',
      fields: { pid: orphan.pid },
    },
  ]);
  expect(pidOf()).not.toBe(orphan.pid);
});

test('a revocation while it is away fails, and is kept for its next start', async () => {
  await rig.start();
  await rig.stop();
  const key = createUser().getPublicKey();
  await expect(rig.server.revokeUsers([key])).rejects.toThrow();
  expect(rig.identity.isRevoked(key)).toBe(true);
});

test('a port that another program has is named with its owner, who is left alone', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(rig.port, '127.0.0.1', resolve));
  const failed = rig.start();
  await expect(failed).rejects.toThrow(NatsServerError);
  await expect(failed).rejects.toThrow(
    new RegExp(
      `^Port ${rig.port}, for nats-server, is taken by process ${process.pid} .*: end that`,
    ),
  );
  expect(other.listening).toBe(true);
  await new Promise((resolve) => other.close(resolve));
});

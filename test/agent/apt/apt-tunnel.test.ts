// apt asks its proxy for no tunnels; other programs of the machine may.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AptProxy } from '../../../agent/adapters/apt/apt-proxy.ts';
import { SignedLists } from '../../../agent/adapters/apt/signed-lists.ts';
import { host, serve } from './apt-rig.ts';

test('who asks for a tunnel, and keeps its end open, keeps no proxy from stopping', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-apt-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const served = await serve(folder, () => false);
  onTestFinished(() => served.stop());
  const proxy = new AptProxy({
    lists: new SignedLists(folder),
    mirror: served.mirror,
    exchange: { get: () => Promise.reject(new Error('nobody is here')) },
    hosts: () => new Set([host]),
    log: () => undefined,
    lineEveryMs: 500,
  });
  await proxy.start(0);
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined).resume();
  socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await once(socket, 'end');
  const late = new Promise((resolve) => setTimeout(resolve, 2_000, 'it still waits'));
  expect(await Promise.race([proxy.stop(), late])).toBeUndefined();
});

// What becomes of a question to the federation whose answer begins, and is none: each ends with a reason, so that
// nobody waits, and no command ends as if all was well.

import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askFederation } from '../../../agent/adapters/enrol/federation-call.ts';
import { AgentError } from '../../../agent/adapters/state/state-folder.ts';
import { openPki } from '../../../scheduler/adapters/pki/pki.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-call-'));
let answer: (response: ServerResponse) => void;
let server: Server;
let caPem = '';
let target: URL;

beforeAll(async () => {
  const pki = await openPki(folder, []);
  ({ caPem } = pki);
  const cert = `${pki.certificatePem}\n${pki.caPem}`;
  server = createServer({ key: pki.keyPem, cert }, (request, response) => {
    request.resume();
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an address with a port.
  target = new URL(`https://localhost:${(server.address() as AddressInfo).port}/v1/enrol`);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each<[string, (response: ServerResponse) => void, RegExp]>([
  [
    'is cut off',
    (response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    },
    /went away in the middle of its answer \(aborted\): run the same command again/,
  ],
  [
    'never ends',
    (response) => {
      response.writeHead(200);
      response.write(Buffer.alloc(65 * 1024));
    },
    /can't be reached \(its answer is too long\)/,
  ],
  ['is cut off before it begins', (response) => response.destroy(), /can't be reached/],
  ['is no reason', (response) => response.writeHead(500).end('?'), /HTTP status 500 and no reason/],
])('an answer that %s is told', async (_, how, words) => {
  answer = how;
  const asked = askFederation(target, caPem, Buffer.from('question'));
  await expect(asked).rejects.toThrow(words);
  await expect(asked).rejects.toBeInstanceOf(AgentError);
});

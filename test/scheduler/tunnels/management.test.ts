// A connection to a management socket whose other end is not as it should be. What a real OpenVPN does is
// in tunnels.test.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Management, ManagementError } from '../../../scheduler/adapters/tunnels/management.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-management-'));
const socketPath = join(folder, 'management.sock');
const greeting = ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r\n";
let server: Server | undefined;

afterEach(async () => {
  await new Promise<unknown>((resolve) =>
    server === undefined ? resolve(0) : server.close(resolve),
  );
  server = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function serve(answer: (socket: Socket) => void): Promise<void> {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
}

describe('it is refused in words', () => {
  it('when nobody is there', async () => {
    await expect(Management.open(join(folder, 'none'))).rejects.toThrow(ManagementError);
    await expect(Management.open(join(folder, 'none'))).rejects.toThrow(/none: .*ENOENT/);
  });

  it('when somebody else is connected, so that nothing is said', async () => {
    await serve(() => undefined);
    await expect(Management.open(socketPath, 50)).rejects.toThrow(
      'another program may be connected to it',
    );
  });

  it('when it answers what nobody asked, babbles or goes away', async () => {
    const rows: readonly (readonly [said: string, why: string])[] = [
      ['SUCCESS: yes\r\nSUCCESS: yes\r\n', 'it answers what nobody asked'],
      ['x'.repeat(70_000), 'wanted a line of at most'],
      ['', 'it closed the connection'],
    ];
    for (const [said, why] of rows) {
      await serve((socket) => {
        socket.write(greeting);
        socket.once('data', () => socket.end(said));
      });
      const connection = await Management.open(socketPath);
      const answers = [connection.ask('status 3')];
      await connection.closed;
      answers.push(connection.ask('status 3'));
      const told = await Promise.allSettled(answers);
      expect(told[1]).toMatchObject({ reason: { message: expect.stringContaining(why) } });
      await new Promise((resolve) => server?.close(resolve));
    }
    server = undefined;
  });
});

it('answers come in the order of what was asked, and notices are passed over', async () => {
  await serve((socket) => {
    socket.write(greeting);
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().trim().split('\n')) {
        socket.write(`>BYTECOUNT_CLI:0,1,2\r\nSUCCESS: ${line}\r\n`);
      }
    });
  });
  const connection = await Management.open(socketPath);
  const told = await Promise.all(['one', 'two', 'three'].map((each) => connection.ask(each)));
  expect(told).toEqual(['one', 'two', 'three'].map((each) => `SUCCESS: ${each}\r\n`));
  await connection.close();
  await expect(connection.ask('four')).rejects.toThrow('this scheduler closed the connection');
});

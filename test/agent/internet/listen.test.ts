// A connection that the system can't give ends neither the agent nor a task's shim.

import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { listen } from '../../../agent/adapters/internet/listen.ts';

test('an address that is taken is told; what fails later is not the end', async () => {
  const first = createServer();
  onTestFinished(() => void first.close());
  await listen(first, { port: 0, host: '127.0.0.1' });
  // As Node.js says it when accept() finds no descriptor.
  expect(first.emit('error', new Error('accept EMFILE'))).toBe(true);
  const { port } = first.address() as AddressInfo;
  await expect(listen(createServer(), { port, host: '127.0.0.1' })).rejects.toThrow('EADDRINUSE');
});

// One scheduler for each data folder, held by an abstract unix socket: the kernel lets go of it
// when the process ends, however it ends (Node has no flock).

import { statSync } from 'node:fs';
import { connect, createServer } from 'node:net';

export class DataLockedError extends Error {
  override readonly name = 'DataLockedError';
}

/**
 * Takes the folder, until the returned function is called or the process ends.
 *
 * @throws DataLockedError naming the process that has it.
 */
export async function lockData(folder: string): Promise<() => void> {
  const { dev, ino } = statSync(folder);
  const name = `\0punnet-scheduler-${dev}-${ino}`;
  const server = createServer((socket) => socket.end(String(process.pid)));
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      void holderOf(name).then((pid) => {
        const text = `Another scheduler (process ${pid}) runs on ${folder}: stop it first, or use another folder.`;
        reject(new DataLockedError(text));
      });
    });
    server.listen(name, resolve);
  });
  return () => server.close();
}

function holderOf(name: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(name);
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.once('close', () => resolve(text === '' ? 'unknown' : text));
    socket.once('error', () => resolve('unknown'));
  });
}

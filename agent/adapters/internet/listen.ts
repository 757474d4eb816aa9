// A server of a task's way out that no failed connection ends.

import type { ListenOptions, Server } from 'node:net';

/** Resolves when it listens; rejects where it can't. Later a connection that can't be had (no descriptor is left) is the caller's to try again. */
export function listen(server: Server, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(at, resolve);
  });
}

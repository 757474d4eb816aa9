// Who listens on a port, for the message that says so. Linux only, and only what /proc shows us.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** "process 123 (node)", or "another program" when /proc does not tell. */
export function portOwner(port: number): string {
  const sockets = listeners(port);
  for (const pid of sockets.size === 0 ? [] : readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || !holdsOne(pid, sockets)) continue;
    return `process ${pid} (${textOf(`/proc/${pid}/comm`).trim()})`;
  }
  return 'another program';
}

/** The sockets that listen on the port, as /proc/PID/fd names them. */
function listeners(port: number): ReadonlySet<string> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(file).split('\n')) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      // 0A: listening.
      if (local.endsWith(ending) && state === '0A') found.add(`socket:[${inode}]`);
    }
  }
  return found;
}

function holdsOne(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((name) => sockets.has(readlinkSync(`${folder}/${name}`)));
  } catch {
    // It has ended, or is another user's.
    return false;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

// A network of an attempt's own: nothing but a loopback, in which its shim listens for it. The shim is in it as well,
// since a process that has begun can't be moved into one by what Node.js has; what it needs of the world are files.

import { execFile } from 'node:child_process';

/** Where a task finds the agent's proxy; nobody but the task has this loopback. */
export const proxyAt = { host: '127.0.0.1', port: 3128 } as const;

/** That a task has at a time. */
export const connectionsMost = 16;

/** Says to a shim that its loopback is its own. */
const mark = 'PUNNET_OWN_NETWORK';
const enterWords = [
  'unshare',
  '--net',
  // Root may make one; everybody else needs a user namespace for that, and as themselves.
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps']),
  '--',
];
const dropWords = ['setpriv', '--ambient-caps=-all', '--inh-caps=-all', '--'];
const testMs = 30_000;

/** The command, in a network of its own and without the rights that it took to make it. */
export function inOwnNetwork(command: readonly string[]): readonly string[] {
  const script = `ip link set lo up && exec env ${mark}=1 "$@"`;
  return [...enterWords, '/bin/sh', '-c', script, 'sh', ...dropWords, ...command];
}

/** Whether this process was started so. */
export function isInOwnNetwork(): boolean {
  return process.env[mark] === '1';
}

/** Why this machine makes no such network; null: it does. */
export function testOwnNetwork(): Promise<string | null> {
  const [file = '', ...words] = inOwnNetwork(['true']);
  return new Promise((resolve) => {
    execFile(file, words, { timeout: testMs }, (error, _stdout, stderr) => {
      if (error === null) return resolve(null);
      const [found = ''] = `${stderr}${error.message}`.split('\n');
      resolve(
        `no network for a task alone (unshare, ip: ${found}): install iproute2, allow user namespaces`,
      );
    });
  });
}

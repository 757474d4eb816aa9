// A machine that refuses namespaces, as many containers do, made of this one.

import { spawnSync } from 'node:child_process';

/** Runs the words behind it: no user namespace can be made (limit 0), nor any other without it. */
export const refusingNamespaces: readonly string[] = [
  ...['unshare', '--user', '--map-root-user', '--', 'sh', '-c'],
  'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin "$@"',
  'sh',
];

/** Why that can't be done here, or nothing. */
export const whyNotRefusing = reason();

function reason(): string {
  if (process.getuid?.() !== 0) return 'only root can drop capabilities from the bounding set';
  const isMade = spawnSync('unshare', ['--user', '--map-root-user', 'true']).status === 0;
  return isMade ? '' : 'this machine makes no user namespaces';
}

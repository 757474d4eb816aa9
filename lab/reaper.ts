// Removes a network whose process was killed before it could: a shell waits at the end of a pipe that
// closes with that process, whatever ended it.

import { spawn } from 'node:child_process';

const script = `
while read -r _; do :; done
for space in $(ip netns list | cut -d ' ' -f 1 | grep "^$0"); do
  for pid in $(ip netns pids "$space"); do kill -KILL "$pid"; done
  ip netns delete "$space"
done`;

/**
 * From now on namespaces whose names begin so end with this process, and all that runs in them.
 *
 * @returns what calls that off.
 */
export function reapWithUs(prefix: string): () => void {
  // A session of its own: neither Ctrl-C nor the end of a terminal ends it.
  const child = spawn('sh', ['-c', script, prefix], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return () => child.kill('SIGKILL');
}

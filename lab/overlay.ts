// What systemd does on a federation's own machine (`overlay init` writes a drop-in that says it), done at a
// lab's core: the firewall, the core's address, forwarding.

import { join } from 'node:path';
import type { Space } from './space.ts';

/** A lab's overlay has the same one each time. */
export const overlayPrefix = 'fd12:3456:789a';
/** The core's, on the overlay. */
export const overlayCore = `${overlayPrefix}::1`;

/** What OpenVPN says when a tunnel is up, at both ends. */
export const up = 'Initialization Sequence Completed';

/** After `overlay init`, and before its OpenVPN servers start. */
export function prepareCore(core: Space, overlayFolder: string): void {
  core.run(['nft', '-f', join(overlayFolder, 'rules.nft')]);
  core.run(['ip', '-6', 'address', 'replace', `${overlayCore}/128`, 'dev', 'lo']);
  // A machine may forward for other reasons: what keeps nodes apart must hold all the same.
  core.run(['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
}

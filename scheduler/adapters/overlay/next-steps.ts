// What `overlay init` tells its operator: what was written, and what is left to do as root.

import path from 'node:path';
import { coreAddress, formatPrefix, sliceNetwork } from '../../core/index.ts';
import type { Initialised } from './init-overlay.ts';

export function initialisedText(made: Initialised): readonly string[] {
  const { folder, plan, written, kept } = made;
  const { prefix, servers } = plan;
  const title =
    written.length > 0
      ? `wrote ${folder}: ${written.join(', ')}`
      : `${folder} is whole: nothing was written`;
  return [
    title,
    ...kept.map((name) => `kept ${name}, which says something else than I would write`),
    `the federation has ${formatPrefix(prefix)}, the scheduler ${coreAddress(prefix)}`,
    ...servers.map((server) => {
      const { name, host, port, protocol, slice } = server;
      return `server ${name}: ${host}:${port}/${protocol}, nodes in ${sliceNetwork(prefix, slice)}`;
    }),
    '',
    'next, as root (apt-get install openvpn nftables iproute2):',
    `  install -D -m 644 ${folder}/nftables.conf /etc/systemd/system/nftables.service.d/punnet-overlay.conf`,
    `  install -D -m 644 ${folder}/journald.conf /etc/systemd/journald@punnet-overlay.conf`,
    ...servers.flatMap(({ name }) => rootSteps(folder, name)),
    `  install -m 644 -t /etc/systemd/system ${folder}/punnet-overlay-firewall.service ${folder}/punnet-overlay-firewall.timer`,
    '  systemctl enable --now punnet-overlay-firewall.timer',
    '',
    ...hiddenText(folder),
    `then: punnet-scheduler --data ${path.dirname(folder)} --overlay ${folder}`,
  ];
}

/** Debian's nftables.service may not look there: the rules would be gone once it starts anew, and nobody told. */
function hiddenText(folder: string): readonly string[] {
  if (!/^\/(home|root|run\/user)\//.test(folder)) return [];
  return [
    `WARNING: ${folder} is where nftables.service may not look (ProtectHome=true): after a restart of it the`,
    'overlay has no firewall. Use a data folder elsewhere, as /var/lib/punnet, or add this line to',
    '/etc/systemd/system/nftables.service.d/punnet-overlay.conf: ProtectHome=read-only',
    '',
  ];
}

function rootSteps(folder: string, name: string): readonly string[] {
  const unit = `openvpn-server@punnet-${name}.service`;
  const dropIn = `/etc/systemd/system/${unit}.d/punnet.conf`;
  return [
    `  ln -s ${folder}/${name}/server.conf /etc/openvpn/server/punnet-${name}.conf`,
    `  install -D -m 644 ${folder}/service.conf ${dropIn}`,
    `  systemctl enable --now ${unit}`,
  ];
}

// Texts that OpenVPN, nftables and systemd read; nothing here touches a file. Options are of
// OpenVPN 2.6 (openvpn(8)), rules of nft 1.0.

import path from 'node:path';
import type { Prefix } from '../../core/index.ts';
import { coreAddress, nodeAddress, serverAddress } from '../../core/index.ts';

export interface OverlayServer {
  /** For people, and the name of its folder. */
  readonly name: string;
  /** Its /64 of the federation's /48, 1 to 65,535. */
  readonly slice: number;
  /** Where agents find it. */
  readonly host: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

/** What each OpenVPN server's certificate is called; agents ask for this name. */
export const serverName = 'punnet overlay';

/** A NAT forgets a silent connection after 30 s or more; what is asked more often costs a metered home. */
const clientPingS = 25;
/** Four pings were lost: the tunnel is down. */
const serverRestartS = 120;
/** The server says a word this often, three of which may be lost before a client begins again. */
const serverPingS = 100;
const clientRestartS = 360;
/** OpenVPN's own bound, 1,024, is for an office. */
const maxClients = 4_000;

export function interfaceOf({ slice }: OverlayServer): string {
  return `punnet-s${slice}`;
}

export interface ServerConfOptions {
  readonly prefix: Prefix;
  readonly server: OverlayServer;
  /** The overlay's folder, absolute. */
  readonly folder: string;
  /** Whom it becomes once it has its tun device: whoever runs the scheduler. */
  readonly user: string;
  readonly group: string;
}

export function serverConf({ prefix, server, folder, user, group }: ServerConfOptions): string {
  const { slice, port, protocol } = server;
  const shared = (name: string): string => quoted(path.join(folder, name));
  const own = (name: string): string => quoted(path.join(folder, server.name, name));
  const address = serverAddress(prefix, slice);
  const isUdp = protocol === 'udp';
  const family = server.host.includes(':') ? 6 : 4;
  return `# OpenVPN server "${server.name}" of a Punnet federation: an IPv6-only tunnel.
port ${port}
proto ${isUdp ? `udp${family}` : `tcp${family}-server`}
mode server
tls-server
dev ${interfaceOf(server)}
dev-type tun
topology subnet
ifconfig-ipv6 ${address}/64 ${coreAddress(prefix)}
push "tun-ipv6"

# Who may come in: nodes with a certificate, not on the list of those revoked, that the scheduler
# wrote a file for.
ca ${shared('ca.pem')}
cert ${own('server.pem')}
key ${own('server.pem')}
crl-verify ${shared('crl.pem')}
tls-crypt ${shared('tls-crypt.key')}
dh none
tls-version-min 1.2
verify-client-cert require
remote-cert-tls client
client-config-dir ${own('ccd')}
ccd-exclusive
max-clients ${maxClients}

# A Pi has no instructions for AES: it does ChaCha20 several times faster.
data-ciphers CHACHA20-POLY1305:AES-128-GCM:AES-256-GCM
allow-compression no

# Donated lines are metered: a tunnel without traffic costs about 300 kB a day.
ping ${serverPingS}
ping-restart ${serverRestartS}
push "ping ${clientPingS}"
push "ping-restart ${clientRestartS}"
reneg-sec 86400
${isUdp ? 'explicit-exit-notify 1' : 'tcp-nodelay'}

persist-key
persist-tun
user ${user}
group ${group}
management ${own(managementSocketName)} unix
management-client-user ${user}
status-version 3
verb 3
`;
}

/** In the server's folder; OpenVPN makes it. */
export const managementSocketName = 'management.sock';

/** OpenVPN's own words for a path: in quotes, with \\ before \\ and ". */
function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
}

/** What a server is told of one node: its file in `ccd`, named after its certificate. */
export function clientFile(prefix: Prefix, slice: number, nodeNumber: number): string {
  const address = nodeAddress(prefix, { slice, nodeNumber });
  return `ifconfig-ipv6-push ${address}/64 ${serverAddress(prefix, slice)}\n`;
}

export interface CorePorts {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** Only the core speaks with nodes, and they only with it, at the ports that are meant for them. */
export function firewallRules(prefix: Prefix, ports: CorePorts): string {
  const core = coreAddress(prefix);
  return `# Rules of a Punnet overlay, for \`nft -f\`. Loading them again changes nothing.
table inet punnet_overlay
delete table inet punnet_overlay
table inet punnet_overlay {
  # What nodes may reach: bus and HTTPS, and by UDP what measures their lines.
  set tcp_of_nodes {
    type inet_service
    elements = { ${ports.tcp.join(', ')} }
  }
  set udp_of_nodes {
    type inet_service
    elements = { ${ports.udp.join(', ')} }
  }
  # A node reaches these ports of the core's address on the overlay, and nothing else of this machine.
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iifname != "punnet-s*" accept
    # Answers to what the core began.
    ct state established,related ct direction reply accept
    ip6 daddr ${core} icmpv6 type { echo-request, destination-unreachable, packet-too-big, time-exceeded } accept
    ip6 daddr ${core} tcp dport @tcp_of_nodes accept
    ip6 daddr ${core} udp dport @udp_of_nodes accept
    drop
  }
  # Nothing passes through: not from node to node, not to the Internet, not from the LAN here.
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    iifname "punnet-s*" drop
    oifname "punnet-s*" drop
  }
}
`;
}

/** Where OpenVPN's words go: they have addresses of homes. */
const logNamespace = 'punnet-overlay';

/** For Debian's unit openvpn-server@: what must be there before anybody may connect. */
export function serviceDropIn(prefix: Prefix, folder: string): string {
  return `# What openvpn-server@ does for a Punnet overlay besides.
[Unit]
Before=punnet-scheduler.service
After=nftables.service

[Service]
ExecStartPre=nft -f "${rulesIn(folder)}"
ExecStartPre=ip -6 address replace ${coreAddress(prefix)}/128 dev lo
Restart=always
LogNamespace=${logNamespace}
`;
}

/** For Debian's unit nftables, which flushes all rules as it starts, reloads and stops. */
export function nftablesDropIn(folder: string): string {
  const load = `-nft -f "${rulesIn(folder)}"`;
  return `# The rules of a Punnet overlay come back after whatever nftables.service does.
[Service]
ExecStartPost=${load}
ExecReload=${load}
ExecStopPost=${load}
`;
}

/**
 * Looks whether the rules are there, which a hand or another program may have flushed at any time: loads
 * them again and says so, or ends the tunnels where that fails. For root: the scheduler may not even look.
 */
export function firewallService(folder: string): string {
  const steps = [
    'has() { nft list chain inet punnet_overlay $$1 2>/dev/null | grep -q drop; }',
    'has input && has forward && exit 0',
    'echo "<4>The firewall of the overlay was gone: its rules are loaded again."',
    'nft -f "$$0" && exit 0',
    'echo "<2>It can not be loaded: the tunnels are ended. Mend $$0, then start the servers."',
    'systemctl stop "openvpn-server@punnet-*"',
    'exit 1',
  ];
  return `# A look at the firewall of a Punnet overlay; its timer starts it.
[Unit]
Description=Look at the firewall of the Punnet overlay
After=nftables.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c '${steps.join('; ')}' "${rulesIn(folder)}"
# What is as it should be fills no journal.
LogLevelMax=warning
`;
}

/** Half of the minute in which it is noticed. */
export function firewallTimer(): string {
  return `[Unit]
Description=Looks at the firewall of the Punnet overlay

[Timer]
OnActiveSec=1s
OnUnitInactiveSec=30s
AccuracySec=1s

[Install]
WantedBy=timers.target
`;
}

/** For the journal of that name. */
export function journalConf(): string {
  return `# OpenVPN logs from where homes connect: nobody needs that for longer than 30 days.
[Journal]
MaxRetentionSec=30day
MaxFileSec=1day
`;
}

function rulesIn(folder: string): string {
  return path.join(folder, 'rules.nft');
}

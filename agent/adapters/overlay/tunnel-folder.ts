// The files of this node's tunnel, in `<state>/overlay`: its key, what the federation gave, and the
// profile that OpenVPN is started with. The profile takes nothing from a server but its address
// and timers: no gateway, no DNS, no other route, and it runs no script.

import { mkdirSync, readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Tunnel, TunnelServer } from '../../../proto/gen/punnet/v1/agent.ts';
import { writeDurably } from '../state/durable.ts';
import { AgentError } from '../state/state-folder.ts';
import { makeTunnelKey } from './certificate-request.ts';

/** A federation has a /48. */
const federationBits = 48;

export class TunnelFolder {
  readonly #path: string;

  /** `path`: `<state>/overlay`, absolute. */
  constructor(path: string) {
    this.#path = path;
  }

  /** The key of this node's tunnel; the first time it is made. */
  key(): string {
    const found = this.#read('key.pem');
    if (found !== null) return found;
    const made = makeTunnelKey();
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    writeDurably(this.#file('key.pem'), made);
    return made;
  }

  /** What was last given (PEM); null: this node has no tunnel. */
  certificate(): string | null {
    return this.#read('node.crt');
  }

  /** Whether this host, an address, is one of the overlay's; without a tunnel none is. */
  isInOverlay(host: string): boolean {
    if (!isIPv6(host)) return false;
    const core = /^route-ipv6 (\S+)\/128$/m.exec(this.#read('client.conf') ?? '')?.[1];
    if (core === undefined) return false;
    const overlay = new BlockList();
    overlay.addSubnet(core, federationBits, 'ipv6');
    return overlay.check(host, 'ipv6');
  }

  /** Where its servers are, as the profile names them; without a tunnel nowhere. */
  hosts(): readonly string[] {
    const lines = (this.#read('client.conf') ?? '').matchAll(/^remote (\S+)/gm);
    return [...lines].map(([, host = '']) => host);
  }

  /** Writes what the federation gave. The profile is the last: with it the tunnel may be started. */
  write(tunnel: Tunnel, caPem: string): void {
    const profile = profileOf(tunnel, this.#path);
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    const files = {
      'ca.crt': caPem,
      'node.crt': tunnel.certificatePem,
      'tls-crypt.key': tunnel.tlsCryptKey,
      'client.conf': profile,
    };
    for (const [name, text] of Object.entries(files)) {
      if (this.#read(name) !== text) writeDurably(this.#file(name), text);
    }
  }

  #file(name: string): string {
    return join(this.#path, name);
  }

  #read(name: string): string | null {
    try {
      return readFileSync(this.#file(name), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new AgentError(
        `${this.#file(name)} can't be read (${code}): be the user that enrolled this node.`,
      );
    }
  }
}

/** What a server may tell a client, by how each option begins (openvpn(8), pull-filter). */
const pushed = [
  'tun-ipv6',
  'ping ',
  'ping-restart ',
  'peer-id ',
  'cipher ',
  'protocol-flags ',
  'key-derivation ',
  'tun-mtu ',
];

/**
 * The profile. Throws an AgentError for a tunnel that no federation means: what is in it becomes
 * options of a program that runs as root.
 */
export function profileOf(tunnel: Tunnel, folder: string): string {
  const { coreAddress, serverName, servers } = tunnel;
  check(isIPv6(coreAddress), `the core's address ${coreAddress}`);
  check(/^[\w .-]{1,64}$/.test(serverName), `the server's name ${serverName}`);
  check(servers.length > 0, 'no server');
  const path = (name: string): string =>
    `"${join(folder, name).replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
  return `# The tunnel of this node to its federation, written by punnet-agent. It leads to the core and
# nowhere else.
client
dev punnet
dev-type tun
nobind
# Refused, it waits longer each time, up to five minutes: started anew every ten seconds it would cost
# a metered line megabytes a day.
auth-retry nointeract
connect-retry 5 300
resolv-retry infinite

ca ${path('ca.crt')}
cert ${path('node.crt')}
key ${path('key.pem')}
tls-crypt ${path('tls-crypt.key')}
remote-cert-tls server
verify-x509-name "${serverName}" name
tls-version-min 1.2
data-ciphers CHACHA20-POLY1305:AES-128-GCM:AES-256-GCM
allow-compression no
reneg-sec 86400
persist-tun
script-security 0

# After what holds for all of them.
${servers.map(connectionOf).join('\n')}

# All that a server may tell; the rest is left out, whatever it is.
route-ipv6 ${coreAddress}/128
${servers.map((server) => `pull-filter accept "${addressOption(server)}"`).join('\n')}
${pushed.map((option) => `pull-filter accept "${option}"`).join('\n')}
pull-filter ignore ""
verb 3
`;
}

function connectionOf(server: TunnelServer): string {
  const { host, port, isTcp } = server;
  check(isIPv6(host) || /^[A-Za-z0-9.-]{1,253}$/.test(host), `the server ${host}`);
  check(port >= 1 && port <= 65_535, `port ${port}`);
  const family = isIPv6(host) ? '6' : '4';
  const protocol = isTcp ? `tcp${family}-client` : `udp${family}`;
  const end = isTcp ? '' : '\nexplicit-exit-notify 1';
  return `<connection>\nremote ${host} ${port} ${protocol}\nconnect-timeout 20${end}\n</connection>`;
}

/** As the server pushes it. */
function addressOption({ address, serverAddress }: TunnelServer): string {
  check(isIPv6(address), `the address ${address}`);
  check(isIPv6(serverAddress), `the address ${serverAddress}`);
  return `ifconfig-ipv6 ${address}/64 ${serverAddress}`;
}

function check(isRight: boolean, found: string): void {
  if (isRight) return;
  throw new AgentError(
    `The federation's answer has a tunnel with ${JSON.stringify(found)}, which this agent can't use: ask the operator, and update the agent.`,
  );
}

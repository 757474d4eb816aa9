// Real OpenVPN servers at a lab's core, configured as `overlay init` does, and nodes' clients.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coreAddress } from '../../../lab/layout.ts';
import type { Network } from '../../../lab/network.ts';
import type { Space } from '../../../lab/space.ts';
import { initOverlay } from '../../../scheduler/adapters/overlay/init-overlay.ts';
import { OverlayFolder } from '../../../scheduler/adapters/overlay/overlay-folder.ts';
import { openAuthority } from '../../../scheduler/adapters/pki/authority.ts';
import { NodeCertificates } from '../../../scheduler/adapters/pki/node-certificates.ts';
import type { TunnelServer } from '../../../scheduler/adapters/tunnels/tunnels.ts';
import { up } from '../../../lab/overlay.ts';
import { Program } from '../../integration/program.ts';
import { runToEnd } from '../../run-to-end.ts';

export class OpenVpnLab {
  readonly servers: readonly TunnelServer[];
  readonly folder: OverlayFolder;
  readonly #data: string;
  readonly #network: Network;
  readonly #programs = new Map<string, Program>();

  private constructor(data: string, network: Network) {
    this.#data = data;
    this.#network = network;
    this.folder = OverlayFolder.open(join(data, 'overlay'));
    this.servers = this.folder.plan.servers.map((server) => ({
      slice: server.slice,
      socket: this.folder.managementSocket(server),
    }));
  }

  /** With servers of these names, the first of slice 1 at port 1,194, and so on. */
  static async create(network: Network, names: readonly string[]): Promise<OpenVpnLab> {
    const data = mkdtempSync(join(tmpdir(), 'punnet-openvpn-'));
    const servers = names.map((name, at) => `${name}=${coreAddress}:${1194 + at}`);
    await initOverlay({
      dataFolder: data,
      prefix: 'fd12:3456:789a::/48',
      servers,
      httpsPort: 8443,
      probePort: 0,
    });
    return new OpenVpnLab(data, network);
  }

  async startServer(name: string): Promise<void> {
    const config = join(this.#data, 'overlay', name, 'server.conf');
    const program = this.#start(name, this.#network.core, ['--config', config]);
    await program.said(up);
  }

  /** Connects a node's client and waits until its tunnel is up. */
  async connect(nodeId: string, where: Space, slice: number): Promise<void> {
    const at = this.#programs.size;
    this.folder.admit({ nodeId, nodeNumber: at, slice });
    const file = (ending: string): string => join(this.#data, `${nodeId}.${ending}`);
    const key = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    const out = ['-subj', '/CN=x', '-outform', 'DER', '-out', file('csr'), '-keyout', file('key')];
    const { status, stderr } = runToEnd('openssl', ['req', '-new', ...key, ...out]);
    if (status !== 0) throw new Error(stderr);
    const certificates = NodeCertificates.open(this.#data, await openAuthority(this.#data));
    writeFileSync(file('pem'), await certificates.issue(nodeId, readFileSync(file('csr'))));
    const overlay = join(this.#data, 'overlay');
    const program = this.#start(nodeId, where, [
      ...['--client', '--dev', 'tun', '--nobind', '--remote-cert-tls', 'server', '--verb', '3'],
      ...['--remote', coreAddress, String(1193 + slice), 'udp4', '--connect-retry', '1', '2'],
      ...['--ca', join(overlay, 'ca.pem'), '--tls-crypt', join(overlay, 'tls-crypt.key')],
      ...['--cert', file('pem'), '--key', file('key'), '--explicit-exit-notify', '1'],
    ]);
    await program.said(up);
  }

  async end(name: string): Promise<void> {
    await this.#programs.get(name)?.kill('SIGTERM');
  }

  async close(): Promise<void> {
    for (const program of this.#programs.values()) await program.kill('SIGTERM');
    rmSync(this.#data, { recursive: true });
  }

  #start(name: string, space: Space, words: readonly string[]): Program {
    const program = new Program(name, words, { by: [...space.entry, 'openvpn'] });
    this.#programs.set(name, program);
    return program;
  }
}

// The demo's ground where it may make networks: homes behind NAT with lines of their own speed, and an
// OpenVPN server at the core, by whose tunnels alone the nodes hear the bus.

import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { SiteSpec } from '../lab/layout.ts';
import { coreAddress } from '../lab/layout.ts';
import { Network } from '../lab/network.ts';
import { overlayPrefix, prepareCore, up } from '../lab/overlay.ts';
import type { Space } from '../lab/space.ts';
import type { Ground, Punnet } from './ground.ts';
import { said } from './said.ts';

export class Homes implements Ground {
  readonly schedulerWords: readonly string[];
  readonly #network: Network;
  readonly #folder: string;
  readonly #signal: AbortSignal;

  constructor(sites: readonly SiteSpec[], folder: string, signal: AbortSignal) {
    this.#network = Network.create(sites);
    this.#folder = folder;
    this.#signal = signal;
    const overlay = join(folder, 'scheduler/overlay');
    this.schedulerWords = ['--listen', coreAddress, '--name', coreAddress, '--overlay', overlay];
  }

  /** Why there can be none here; undefined: there can. */
  static missing(): string | undefined {
    const missing = Network.missing();
    if (missing !== undefined) return missing;
    return spawnSync('openvpn', ['--version']).error === undefined
      ? undefined
      : 'openvpn is not here';
  }

  get core(): readonly string[] {
    return this.#network.core.entry;
  }

  node(name: string): readonly string[] {
    return this.#network.node(name).entry;
  }

  async prepare(dataFolder: string, punnet: Punnet): Promise<void> {
    const where = ['--data', dataFolder, '--prefix', `${overlayPrefix}::/48`];
    await punnet('overlay', 'init', ...where, '--server', `main=${coreAddress}:1194`);
    const overlay = join(dataFolder, 'overlay');
    prepareCore(this.#network.core, overlay);
    await this.#openvpn('openvpn', this.#network.core, join(overlay, 'main/server.conf'));
  }

  connect(name: string, stateFolder: string): Promise<void> {
    const profile = join(stateFolder, 'overlay/client.conf');
    return this.#openvpn(`${name}-openvpn`, this.#network.node(name), profile);
  }

  carriedInto(site: string): number {
    return this.#network.carried(site).receivedBytes;
  }

  close(): Promise<void> {
    return this.#network.close();
  }

  async #openvpn(name: string, space: Space, configuration: string): Promise<void> {
    const child = this.#network.spawn(space, ['openvpn', '--config', configuration]);
    const log = createWriteStream(join(this.#folder, `${name}.log`));
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    await said(child, up, this.#signal);
  }
}

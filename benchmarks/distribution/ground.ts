// Where all of them bring the same file: a site of Pis behind one thin line, in a lab of namespaces, and a web
// server at the core. Seconds are a clock's, bytes those that the line carried, whoever sent them.

import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { coreAddress } from '../../lab/layout.ts';
import type { SiteSpec } from '../../lab/layout.ts';
import type { Network } from '../../lab/network.ts';
import { serveFolder } from './web.ts';

export const siteName = 'school';

/** Of the site's line; its Pis have ports of 100 Mbit/s. */
export function siteOf(nodes: number): SiteSpec {
  return { name: siteName, nodes, downBps: 10e6, upBps: 2e6 };
}

export function nodesOf(nodes: number): readonly string[] {
  return Array.from({ length: nodes }, (_, at) => `${siteName}-${at + 1}`);
}

export interface SharedFile {
  readonly path: string;
  readonly url: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** What it took until the last node had the file. */
export interface Taken {
  readonly seconds: number;
  /** IP packets, headers and all, down and up. */
  readonly bytes: number;
}

export class Ground {
  readonly network: Network;
  readonly nodes: readonly string[];
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-distribution-'));

  private constructor(network: Network, nodes: readonly string[]) {
    this.network = network;
    this.nodes = nodes;
    // Programs that give up root's rights read here.
    chmodSync(this.folder, 0o755);
    mkdirSync(this.#served);
  }

  /** A web server in a network that has this site. Close it in the end; the network is its maker's. */
  static async open(network: Network, nodes: readonly string[]): Promise<Ground> {
    const ground = new Ground(network, nodes);
    try {
      await serveFolder(network, { folder: ground.folder, served: ground.#served });
      return ground;
    } catch (error) {
      ground.close();
      throw error;
    }
  }

  get #served(): string {
    return join(this.folder, 'served');
  }

  /** A file of random bytes, which nothing makes smaller. */
  share(name: string, sizeBytes: number): SharedFile {
    const bytes = randomFillSync(Buffer.alloc(sizeBytes));
    const path = join(this.#served, name);
    writeFileSync(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { path, url: `http://${coreAddress}:8080/${name}`, sizeBytes, sha256 };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Seconds and bytes of the line until this is over. */
export async function measured(network: Network, run: () => Promise<unknown>): Promise<Taken> {
  const carried = (): number => {
    const { receivedBytes, sentBytes } = network.carried(siteName);
    return receivedBytes + sentBytes;
  };
  const before = carried();
  const startMs = performance.now();
  await run();
  return { seconds: (performance.now() - startMs) / 1000, bytes: carried() - before };
}

/** Throws when what a node has is not the file. */
export async function checkCopy(file: SharedFile, copy: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(copy), hash);
  const found = hash.digest('hex');
  if (found !== file.sha256) throw new Error(`${copy}: wanted ${file.sha256}, found ${found}`);
}

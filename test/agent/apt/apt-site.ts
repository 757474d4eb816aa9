// A site whose nodes take apt's packages through its exchange: real apt-get, proxies, chunk servers and files, and the
// scheduler's own core, without a bus between.

import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AptProxy } from '../../../agent/adapters/apt/apt-proxy.ts';
import { detectScript } from '../../../agent/adapters/apt/detect-script.ts';
import { SignedLists } from '../../../agent/adapters/apt/signed-lists.ts';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { exchangeMessages, toBlobParts } from '../../../agent/adapters/bus/exchange-wire.ts';
import type { SaidOfBlob } from '../../../agent/adapters/bus/exchange-wire.ts';
import { SiteExchange } from '../../../agent/adapters/exchange/site-exchange.ts';
import type { PeerAddress } from '../../../agent/core/index.ts';
import { FromNode, ToNode } from '../../../proto/gen/punnet/v1/agent.ts';
import { CapabilitySigner } from '../../../scheduler/adapters/blobs/capability.ts';
import { ExchangeComposer } from '../../../scheduler/adapters/blobs/exchange-composer.ts';
import { blobParts } from '../../../scheduler/adapters/nats/blob-parts.ts';
import { CoreHarness } from '../../scheduler/core/harness.ts';
import { AptRoot, host, type Repository, type Served } from './apt-rig.ts';

const tickMs = 100;

export interface AptNode {
  readonly name: string;
  readonly exchange: SiteExchange;
  readonly proxy: AptProxy;
  readonly apt: AptRoot;
  readonly blobs: string;
  hasRoom: boolean;
}

export class AptSite {
  readonly nodes: AptNode[] = [];
  readonly #harness = new CoreHarness();
  readonly #composer = new ExchangeComposer({
    indexes: { indexOf: () => Promise.resolve(undefined) },
    signer: new CapabilitySigner(Buffer.alloc(32, 1)),
    now: () => this.#harness.nowMs,
  });
  readonly #timer: NodeJS.Timeout;
  readonly #served: Served;
  #added = 0;
  readonly #silentMs: number;
  /** What is said to it is lost, and it says nothing. */
  isSilent = false;

  /** Its nodes wait so long for a scheduler that says nothing. */
  constructor(served: Served, silentMs: number) {
    this.#served = served;
    this.#silentMs = silentMs;
    this.#harness.setSite('school', 10e6);
    this.#timer = setInterval(() => {
      this.#harness.wait(tickMs);
      void this.#pump();
    }, tickMs);
  }

  async add(top: string, repository: Repository): Promise<AptNode> {
    const name = `pi${this.#added}`;
    this.#added += 1;
    const blobs = join(mkdtempSync(join(top, `${name}-`)), 'blobs');
    mkdirSync(blobs);
    this.#harness.node(name, 'school');
    const exchange = new SiteExchange({
      ...{ folder: blobs, salt: name, isSmallBoard: false, log: () => undefined },
      origin: { index: never, stream: never },
      ...{ mayTransfer: () => true, isNeighbour: () => true, onWhole: () => undefined },
      ownLan: () => ({ address: '127.0.0.1', network: '127.0.0.0/8' }),
      say: (said, here) => this.#hear(name, said, here),
      isHere: ({ sha256 }) => Promise.resolve(existsSync(join(blobs, sha256))),
      takeRoom: () =>
        node.hasRoom ? Promise.resolve(() => undefined) : Promise.reject(new Error('no room')),
      nowMs: () => performance.now(),
      silentMs: this.#silentMs,
      onPace: () => undefined,
      lanPacer: new UplinkPacer(
        () => null,
        () => undefined,
      ),
    });
    await exchange.start();
    const root = mkdtempSync(join(top, `${name}-root-`));
    const proxy = new AptProxy({
      lists: new SignedLists(join(root, 'var/lib/apt/lists')),
      ...{ mirror: this.#served.mirror, exchange, hosts: () => new Set([host]) },
      log: () => undefined,
    });
    await proxy.start(0);
    const apt = new AptRoot(root, repository.keyFile, detectScript(proxy.port));
    const node: AptNode = { name, exchange, proxy, apt, blobs, hasRoom: true };
    this.nodes.push(node);
    await apt.run('update');
    return node;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const { proxy, exchange } of this.nodes) {
      await proxy.stop();
      await exchange.stop();
    }
  }

  #hear(name: string, said: readonly SaidOfBlob[], here: PeerAddress | null): void {
    if (this.isSilent) return;
    const parts = FromNode.fromPartial({ blobParts: toBlobParts(said, here) });
    // The node says it from within its own turn.
    setImmediate(() => {
      this.#harness.speak(name, blobParts(parts));
      void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    const leases = this.#harness.take('leaseChunks');
    const news = this.#harness.take('exchange');
    this.#harness.effects = [];
    if (this.isSilent) return;
    for (const effect of news) {
      const told = await this.#composer.news(effect);
      if (told !== undefined) this.#tell(effect.nodeId, { exchanges: [told] });
    }
    for (const effect of leases) {
      this.#tell(effect.nodeId, { chunkLeases: [this.#composer.lease(effect)] });
    }
  }

  #tell(name: string, message: Parameters<typeof ToNode.fromPartial>[0]): void {
    const node = this.nodes.find((each) => each.name === name);
    node?.exchange.take(exchangeMessages(ToNode.fromPartial(message)));
  }
}

function never(): Promise<never> {
  return Promise.reject(new Error('a package has no origin'));
}

/** apt-get gets these packages of the repository. "all are right", or what it said. */
export async function download(
  { apt }: AptNode,
  repository: Repository,
  names: readonly string[],
): Promise<string> {
  const { code, said } = await apt.run('install', '--download-only', ...names);
  const isRight = names.every((name) => {
    const file = apt.deb(name);
    return existsSync(file) && readFileSync(file).equals(repository.debOf(name).bytes);
  });
  return code === 0 && isRight ? 'all are right' : said;
}

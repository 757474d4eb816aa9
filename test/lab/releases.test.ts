// Releases to a site of real nodes behind a thin line: the line carries each byte that the site has not got once, whatever fails.

import { openSync, readFileSync, readlinkSync, statSync, writeSync, closeSync } from 'node:fs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodesOf, siteName } from '../../benchmarks/distribution/ground.ts';
import { OurSite } from '../../benchmarks/distribution/ours.ts';
import { Network } from '../../lab/network.ts';
import { OverlayRig } from '../integration/overlay-rig.ts';
import { until } from '../integration/rig.ts';
import { noise } from '../scheduler/chunking/noise.ts';

const missing = Network.missing();
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
/** An update of 5 % costs a chunk or two more at each place: of a smaller release a larger part. */
const large = { sizeBytes: 50_000_000, downBps: 40e6, upBps: 8e6 };
/** Slow enough that something can fail in the middle. */
const small = { sizeBytes: 16_000_000, downBps: 10e6, upBps: 2e6 };
/** A site of four enrols for a minute or two on a busy machine. */
const longestMs = 480_000;
/** TLS, TCP, IP, tunnels and their packets, over the bare size. */
const copyMost = 1.1 * 1.06;

/** A batch of 32 chunks, as a part of the small release. */
const batchMost = (32 * 64 * 1024) / small.sizeBytes;

let rig: OverlayRig | undefined;

beforeEach((context) => {
  context.skip(missing !== undefined, missing);
  context.skip(isShort, 'npm run test:lab runs it');
});
afterEach(async (context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
  await rig?.stop();
  rig = undefined;
});

class Releases {
  readonly rig: OverlayRig;
  readonly site: OurSite;
  /** What the operator saw until the last rollout had ended. */
  said = '';

  private constructor(site: OurSite) {
    this.site = site;
    this.rig = site.rig;
  }

  static async open(nodes: number, { downBps, upBps }: typeof large): Promise<Releases> {
    const home = { name: siteName, nodes, downBps, upBps };
    rig = await OverlayRig.start(['main=CORE:1194'], [home]);
    const site = await OurSite.open(rig, nodesOf(nodes));
    await rig.punnet('release', 'init');
    return new Releases(site);
  }

  /** Publishes a file, and tells all nodes to have it. */
  async rollOut(version: string, content: Buffer): Promise<void> {
    const folder = join(this.rig.folder, `maps-${version}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'maps.bin'), content);
    await this.rig.punnet('release', 'publish', 'maps', version, '--from', folder);
    await this.rig.punnet('rollout', 'start', 'maps', version, '--bake', '6 s');
  }

  /** All nodes have made it active, and it is what was published. */
  async untilActive(version: string, content: Buffer): Promise<void> {
    const isActive = (node: string): boolean => this.activeAt(node) === version;
    const nodes = [...this.site.agents.keys()];
    await until(
      `maps ${version} active at ${nodes.length} nodes`,
      () => Promise.resolve(nodes.every(isActive) ? true : undefined),
      150_000,
    );
    this.said = await this.rig.punnet('rollout', 'status', 'maps', '--watch');
    for (const node of nodes) {
      const file = join(this.folderAt(node), 'active/maps.bin');
      expect(readFileSync(file).equals(content), `what ${node} has`).toBe(true);
    }
  }

  folderAt(node: string): string {
    return join(this.rig.stateOf(node), 'releases/maps');
  }

  activeAt(node: string): string {
    try {
      return readlinkSync(join(this.folderAt(node), 'active'));
    } catch {
      return '';
    }
  }

  /** What the origin has sent to the site over HTTP since its scheduler started. */
  async originBytes(): Promise<number> {
    const said = await this.rig.punnet('--output', 'json', 'sites');
    // What the CLI prints as JSON is as the contract says.
    const { sites } = JSON.parse(said) as {
      readonly sites: readonly { readonly siteId: string; readonly bytesDown: string }[];
    };
    return Number(sites.find(({ siteId }) => siteId === siteName)?.bytesDown);
  }

  get lineBytes(): number {
    return this.rig.network.carried(siteName).receivedBytes;
  }

  /** The line has carried so many bytes more. */
  carried(bytes: number): Promise<true> {
    const before = this.lineBytes;
    return until(`${bytes} bytes`, () =>
      Promise.resolve(this.lineBytes - before > bytes ? true : undefined),
    );
  }
}

/** A third of the file on the disk is not what it was. */
function damage(file: string): void {
  const third = Math.floor(statSync(file).size / 3);
  const handle = openSync(file, 'r+');
  writeSync(handle, noise('damage', third), 0, third, third);
  closeSync(handle);
}

/** 5 % of it is other bytes, in so many places. */
function changed(content: Buffer, places: number): Buffer {
  const copy = Buffer.from(content);
  const part = Math.floor((0.05 * content.length) / places);
  for (let place = 0; place < places; place += 1) {
    const at = Math.floor((content.length / places) * (place + 0.4));
    noise(`change ${places} ${place}`, part).copy(copy, at);
  }
  return copy;
}

describe.each([2, 4])('at a site of %i nodes', (nodes) => {
  test(
    'the line carries a release once, and of an update what has changed, though one node has the old version damaged',
    async () => {
      const { sizeBytes } = large;
      const releases = await Releases.open(nodes, large);
      const content = noise('maps', sizeBytes);
      const start = await releases.originBytes();
      await releases.rollOut('1.0', content);
      await releases.untilActive('1.0', content);
      const first = (await releases.originBytes()) - start;
      expect(first / sizeBytes).toBeGreaterThan(1);
      expect(first / sizeBytes).toBeLessThan(1.02);
      damage(join(releases.folderAt(nodesOf(nodes)[1] ?? ''), '1.0.tar'));
      const costs = [];
      for (const [places, version] of [
        [1, '1.1'],
        [4, '1.2'],
      ] as const) {
        const before = await releases.originBytes();
        const update = changed(content, places);
        await releases.rollOut(version, update);
        await releases.untilActive(version, update);
        costs.push(((await releases.originBytes()) - before) / sizeBytes);
      }
      process.stdout.write(`${nodes} nodes: ${first / sizeBytes}, updates ${costs.join(', ')}\n`);
      // One of the model, which is one at the site and over a quarter of two or four; then all.
      expect(releases.said).toMatch(/^0 +one of each model +activates +1 +1 +0 +1 +1 +0$/m);
      expect(releases.said).toMatch(/^done in .* if all goes well$/m);
      expect(releases.said).toMatch(/^fetched .* MB of .* MB; .* MB were there already$/m);
      expect(Math.min(...costs)).toBeGreaterThan(0.05);
      expect(Math.max(...costs)).toBeLessThan(0.08);
    },
    longestMs,
  );
});

test(
  'the scheduler and an agent are killed in the middle: both go on, and the line carries it once',
  async () => {
    const nodes = 2;
    const { sizeBytes } = small;
    const releases = await Releases.open(nodes, small);
    const [node = ''] = nodesOf(nodes);
    const content = noise('maps', sizeBytes);
    const before = releases.lineBytes;
    await releases.rollOut('1.0', content);
    await releases.carried(0.3 * sizeBytes);
    await releases.site.agents.get(node)?.kill('SIGKILL');
    releases.site.agents.set(node, releases.rig.agent(node));
    await releases.carried(0.3 * sizeBytes);
    await releases.rig.scheduler.kill('SIGKILL');
    await releases.rig.startScheduler();
    await releases.untilActive('1.0', content);
    const copies = (releases.lineBytes - before) / sizeBytes;
    process.stdout.write(`killed: ${copies}\n`);
    // What was on its way to whoever was killed, and leases that the next scheduler knows nothing of.
    expect(copies).toBeLessThan(copyMost + 2 * batchMost);
  },
  longestMs,
);

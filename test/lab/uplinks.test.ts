// A line of known rates behind NAT is measured by packet trains.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreAddress } from '../../lab/layout.ts';
import { Network } from '../../lab/network.ts';
import type { Measured } from '../../scheduler/adapters/probes/probes.ts';

const missing = Network.missing();
const words = ['node', '--import', 'tsx', join(import.meta.dirname, 'train-end.ts')];
/** Of an Ethernet frame with 1,200 bytes in UDP over IPv4, which is what the lab's lines count. */
const payload = 1_200 / 1_242;
const line = { downBps: 8e6, upBps: 4e6 };

describe('packet trains', () => {
  let network: Network | undefined;
  let core: Lines;
  let port = '';

  beforeAll(async () => {
    if (missing !== undefined) return;
    network = Network.create([{ name: 'home', nodes: 1, ...line }]);
    core = new Lines(network, ['core', coreAddress]);
    port = await core.next();
  });
  afterAll(() => network?.close());

  test('a line is measured both ways, for 150 kB each', async (context) => {
    context.skip(missing !== undefined, missing);
    if (network === undefined) throw new Error('the lab was not made');
    const nonce = randomBytes(16).toString('hex');
    core.write(nonce);
    const before = network.carried('home');
    const node = network.node('home-1');
    const end = network.spawn(node, [...words, 'node', coreAddress, port, nonce]);
    const { downBps, upBps } = JSON.parse(await core.next()) as Measured;
    await once(end, 'exit');
    const after = network.carried('home');
    const ratios = [(downBps ?? 0) / line.downBps / payload, (upBps ?? 0) / line.upBps / payload];
    // Near 1 on a quiet machine; on a busy one packets are seen late. Another line it never seems.
    for (const ratio of ratios) {
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(1.8);
    }
    expect(after.receivedBytes - before.receivedBytes).toBeLessThan(150_000);
    expect(after.sentBytes - before.sentBytes).toBeLessThan(150_000);
  });
});

/** A program in the core, line by line. */
class Lines {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(network: Network, args: readonly string[]) {
    this.#child = network.spawn(network.core, [...words, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#child.stdout === null) throw new Error('its output is read');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('it has ended');
    return value;
  }
}

// A line of known rates behind NAT is measured by packet trains.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UplinkLine } from '../../benchmarks/uplink-line.ts';
import { Network } from '../../lab/network.ts';

const missing = Network.missing();

describe('packet trains', () => {
  let line: UplinkLine | undefined;

  beforeAll(async () => {
    if (missing === undefined) line = await UplinkLine.open(8e6, 4e6);
  });
  afterAll(() => line?.close());

  test('a line is measured both ways, for 150 kB each', async (context) => {
    context.skip(missing !== undefined, missing);
    if (line === undefined) throw new Error('the lab was not made');
    const before = line.network.carried('home');
    const { down, up } = (await line.probe()) ?? { down: Number.NaN, up: Number.NaN };
    const after = line.network.carried('home');
    // One of them; the scheduler takes the median of several. Within a hundredth on most machines.
    expect(Math.abs(down)).toBeLessThan(0.3);
    expect(Math.abs(up)).toBeLessThan(0.3);
    expect(after.receivedBytes - before.receivedBytes).toBeLessThan(150_000);
    expect(after.sentBytes - before.sentBytes).toBeLessThan(150_000);
  });
});

// Real agents in homes behind NAT: those of one LAN prove it to the scheduler, those of an isolated
// Wi-Fi can't, and are one site all the same. Their lines are measured.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Network } from '../../lab/network.ts';
import { OverlayRig } from './overlay-rig.ts';
import { until } from './rig.ts';

const missing = Network.missing();
let rig: OverlayRig;

beforeAll(async () => {
  if (missing !== undefined) return;
  const line = { nodes: 2, downBps: 20_000_000, upBps: 4_000_000 };
  const homes = [
    { name: 'one', ...line },
    { name: 'two', ...line, isIsolated: true },
  ];
  rig = await OverlayRig.start(['main=CORE:1194'], homes);
  for (const name of ['one-1', 'one-2', 'two-1', 'two-2']) {
    await rig.enrol(name);
    rig.tunnel(name);
    rig.agent(name);
  }
});
beforeEach((context) => context.skip(missing !== undefined, missing));
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
});
afterAll(() => rig?.stop());

test('nodes of a LAN prove it; those of an isolated one are one site without', async () => {
  const shown = await until('a LAN that is proved', async () => {
    const text = await rig.punnet('sites');
    return /2 by address, 1 LAN\n/.test(text) ? text : undefined;
  });
  const evidence = shown.match(/\d by address.*/g);
  expect(evidence?.toSorted()).toEqual(['2 by address', '2 by address, 1 LAN']);
});

test('the line of a site is measured through its tunnels', async () => {
  const shown = await until('a line that is measured', async () => {
    const text = await rig.punnet('--output', 'json', 'sites');
    // The CLI wrote it.
    const { sites } = JSON.parse(text) as { sites: { uplink: Record<string, unknown> }[] };
    return sites.find(({ uplink }) => uplink['source'] === 'RATE_SOURCE_MEASURED');
  });
  // It is of 20 and 4 Mbit/s; how near a probe comes is the benchmark's to say.
  expect(shown.uplink['downBps']).toBeGreaterThan(4e6);
  expect(shown.uplink['upBps']).toBeLessThan(8e6);
});

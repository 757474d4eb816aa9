// A line that nobody described is measured: real scheduler, nats-server and agent on this machine's loopback.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { RateSource } from '../../proto/gen/punnet/v1/common.ts';
import { Rig, until } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
});
afterAll(() => rig?.stop());

test('a guess becomes a measured rate, once', async () => {
  await rig.addNodes(['pi'], { site: 'home', rate: '1 Mbit/s' });
  const { sites } = rig.connection;
  const site = async () =>
    (await rig.connection.call(sites.getSite.bind(sites), { siteId: 'home' })).site;
  expect((await site())?.probes).toBe(0);
  const set = await rig.punnet('site', 'set', 'home', '--measured');
  expect(set.out).toMatch(/2 Mbit\/s down.*guessed/);
  const measured = await until('a measured rate', async () => {
    const found = await site();
    return found?.uplink?.source === RateSource.MEASURED ? found : undefined;
  });
  // There is no line in between: it is fast, however busy the machine is.
  expect(measured.uplink?.downBps).toBeGreaterThan(2e6);
  expect(measured.uplink?.upBps).toBeGreaterThan(1e6);
  expect(measured.probes).toBe(1);
  expect(measured.probeBytes).toBeLessThan(300_000);
  const shown = await rig.punnet('sites');
  expect(shown.out).toMatch(/home .* measured +\d+ s ago /);
  const one = await rig.punnet('site', 'home');
  expect(one.out).toMatch(/rates +one probe/);
  expect(one.out).toMatch(/probes +1, \d+ kB both ways/);
});

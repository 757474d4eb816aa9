// What an idle node costs its owner's line, all layers together: IP packets at the router of a
// home in a lab, tunnel, TLS, bus and reports in them. Beside it a home with a tunnel alone.

import { setTimeout as sleep } from 'node:timers/promises';
import { Network } from '../lab/network.ts';
import { up } from '../lab/overlay.ts';
import { OverlayRig } from '../test/integration/overlay-rig.ts';
import { until } from '../test/integration/rig.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';
import { tellPhase } from './progress.ts';

interface Scale {
  /** Connecting, and the first reports, which tell more than later ones, are over after so long. */
  readonly settleMs: number;
  readonly windowMs: number;
}

const scales: Readonly<Record<Size, Scale>> = {
  full: { settleMs: 6 * 60_000, windowMs: 30 * 60_000 },
  tiny: { settleMs: 0, windowMs: 2_000 },
};
const dayMs = 24 * 3_600_000;
const healthy = 'NODE_HEALTH_HEALTHY';

export const idleTunnel: Benchmark = {
  name: 'idle-tunnel',
  about: "an idle node's bytes a day on its home's line, in a lab of namespaces (36 minutes)",
  missing: () => Network.missing(),
  async run(size: Size): Promise<Outcome> {
    const rig = await OverlayRig.start(['main=CORE:1194']);
    try {
      // Declared, so that nobody measures it meanwhile: what that takes is a figure of its own.
      await rig.punnet('site', 'set', 'one', '--down', '20 Mbit/s', '--up', '4 Mbit/s');
      for (const name of ['one-1', 'two-1']) {
        await rig.enrol(name, name === 'one-1' ? await rig.nodeToken(1, 'one') : undefined);
        await rig.tunnel(name).said(up);
      }
      rig.agent('one-1');
      await until('a node that was heard', async () =>
        (await rig.punnet('--output', 'json', 'nodes')).includes(healthy) ? true : undefined,
      );
      const { settleMs, windowMs } = scales[size];
      tellPhase(`the first reports, ${settleMs / 1000} s`);
      await sleep(settleMs);
      tellPhase(`idle for ${windowMs / 1000} s`);
      const [node, bare] = await carriedIn(rig, windowMs);
      return { figures: figuresOf({ node, bare }, windowMs), digest: 'it was heard' };
    } finally {
      await rig.stop();
    }
  },
};

interface Bytes {
  readonly down: number;
  readonly up: number;
}

/** By the node, and by the tunnel alone. */
async function carriedIn({ network }: OverlayRig, ms: number): Promise<readonly [Bytes, Bytes]> {
  const look = () => ['one', 'two'].map((site) => network.carried(site));
  const before = look();
  await sleep(ms);
  const [one, two] = look().map((now, at) => ({
    down: now.receivedBytes - (before[at]?.receivedBytes ?? 0),
    up: now.sentBytes - (before[at]?.sentBytes ?? 0),
  }));
  if (one === undefined || two === undefined) throw new Error('the lab lost a site');
  return [one, two];
}

function figuresOf(
  { node, bare }: { readonly node: Bytes; readonly bare: Bytes },
  ms: number,
): Outcome['figures'] {
  const perDay = (bytes: number): number => (bytes / 1000) * (dayMs / ms);
  const row = (what: string, of: (bytes: Bytes) => number) => ({
    ...{ what, unit: 'kB', values: [perDay(of(node))] },
    baseline: { what: 'tunnel alone', values: [perDay(of(bare))] },
  });
  return [
    {
      ...row('an idle node a day, both ways', ({ down, up }) => down + up),
      wanted: { atMost: 600 },
    },
    row('… down', ({ down }) => down),
    row('… up', ({ up }) => up),
  ];
}

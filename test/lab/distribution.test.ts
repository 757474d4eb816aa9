// A site gets one file over its thin line while something fails: each node that lives has it whole in the end, and
// the line has carried one copy of it, or one for each LAN.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SharedFile } from '../../benchmarks/distribution/ground.ts';
import { Ground, nodesOf, siteName, siteOf } from '../../benchmarks/distribution/ground.ts';
import type { BringOptions } from '../../benchmarks/distribution/ours.ts';
import { OurSite } from '../../benchmarks/distribution/ours.ts';
import { lanAddress } from '../../lab/layout.ts';
import { Network } from '../../lab/network.ts';
import { OverlayRig } from '../integration/overlay-rig.ts';
import { longTestMs } from '../integration/program.ts';
import { until } from '../integration/rig.ts';

const missing = Network.missing();
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
const nodes = nodesOf(4);
/** Some seven seconds of the line. */
const fileBytes = 8_000_000;
/** TCP, IP, TLS, and what is said of it: over the bare size. */
const copyMost = 1.1 * 1.06;

let rig: OverlayRig | undefined;
let ground: Ground | undefined;

beforeEach((context) => {
  context.skip(missing !== undefined, missing);
  context.skip(isShort, 'npm run test:lab runs it');
});
afterEach(async (context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
  ground?.close();
  await rig?.stop();
  [rig, ground] = [undefined, undefined];
});

/** Brings a file to all, and tells how many copies of it the line has carried. */
async function bring(
  trouble: (site: OurSite, file: SharedFile) => Omit<BringOptions, 'mostSeconds'>,
): Promise<number> {
  rig = await OverlayRig.start(['main=CORE:1194'], [siteOf(nodes.length)]);
  ground = await Ground.open(rig.network, nodes);
  const site = await OurSite.open(rig, nodes);
  const file = ground.share('file', fileBytes);
  const brought = await site.bring(file, { mostSeconds: 150, ...trouble(site, file) });
  expect(brought.isDone, `${brought.done} nodes have it`).toBe(true);
  return brought.bytes / fileBytes;
}

/** The line has carried so much of the file. */
function carried({ network }: OverlayRig, part: number): Promise<true> {
  const bytes = (): number => network.carried(siteName).receivedBytes;
  const before = bytes();
  return until(`${100 * part} % of the file`, () =>
    Promise.resolve(bytes() - before > part * fileBytes ? true : undefined),
  );
}

test(
  'the line is cut for 30 s',
  async () => {
    const copies = await bring(({ rig: { network }, rig: here }) => ({
      async meanwhile() {
        await carried(here, 0.5);
        network.setPlugged(siteName, false);
        await sleep(30_000);
        network.setPlugged(siteName, true);
      },
    }));
    expect(copies).toBeLessThan(copyMost);
  },
  longTestMs,
);

test(
  'the scheduler, which is the origin, is killed and comes back',
  async () => {
    const copies = await bring(({ rig: here }) => ({
      async meanwhile() {
        await carried(here, 0.5);
        await here.scheduler.kill('SIGKILL');
        await here.startScheduler();
      },
    }));
    expect(copies).toBeLessThan(copyMost);
  },
  longTestMs,
);

test(
  'a node that brings some of it is killed when nearly all is there',
  async () => {
    const copies = await bring((site) => ({
      leftOut: nodes.slice(0, 1),
      async meanwhile() {
        await carried(site.rig, 0.99);
        await site.agents.get(nodes[0] ?? '')?.kill('SIGKILL');
      },
    }));
    expect(copies).toBeLessThan(copyMost);
  },
  longTestMs,
);

test(
  'two LANs at the site that do not reach each other get a copy each',
  async () => {
    const copies = await bring(({ rig: { network } }) => {
      for (const [at, node] of nodes.entries()) {
        const others = nodes.flatMap((_, other) =>
          other % 2 === at % 2 ? [] : [lanAddress(other + 1)],
        );
        network.node(node).configure('nft', [deaf(others)]);
      }
      return {};
    });
    expect(copies).toBeLessThan(2 * copyMost);
  },
  longTestMs,
);

function deaf(to: readonly string[]): string {
  return `table inet deaf {
    chain input {
      type filter hook input priority 0;
      ip saddr { ${to.join(', ')} } drop
    }
  }`;
}

// The agent's connection over a real nats-server: whatever ends it, it comes back, and a refusal is
// told to the owner.

import { createUser } from '@nats-io/nkeys';
import { expect, test, type TestContext } from 'vitest';
import { NodeBus } from '../../../agent/adapters/bus/node-bus.ts';
import { NatsRig } from '../../scheduler/nats/nats-rig.ts';

interface Started {
  readonly rig: NatsRig;
  readonly bus: NodeBus;
  readonly publicKey: string;
  readonly logged: string[];
  /** Resolves when this was posted or logged so many times. */
  readonly saw: (what: string, times?: number) => Promise<void>;
}

/** With a server of its own: they wait for each other's time-outs side by side. The last stop is the first. */
async function startBus({ onTestFinished }: TestContext): Promise<Started> {
  const rig = await NatsRig.open();
  onTestFinished(() => rig.close());
  await rig.start();
  const key = createUser();
  const publicKey = key.getPublicKey();
  const logged: string[] = [];
  const waiting = new Set<() => void>();
  const note = (what: string): void => {
    logged.push(what);
    for (const look of waiting) look();
  };
  const bus = new NodeBus({
    identity: {
      ...{ nodeId: 'pi', federation: 'f', siteId: 's', httpsUrl: '', caPem: rig.pki.caPem },
      natsJwt: await rig.identity.issueNodeJwt('pi', publicKey),
      natsUrls: [...rig.server.urls],
    },
    natsSeed: new TextDecoder().decode(key.getSeed()),
    instanceId: 'first',
    post: (command) => note(command.kind),
    onRefused: () => note('asks for new ones'),
    asides: {
      onLanTask: () => undefined,
      onProbeTask: () => undefined,
      onTaskMessage: () => undefined,
      onReleases: () => undefined,
      onExchange: () => undefined,
      onKeptWanted: () => undefined,
      onKeptReleased: () => undefined,
      onReportWanted: () => undefined,
    },
    log: (event, fields) => note(`${event} ${JSON.stringify(fields)}`),
  });
  onTestFinished(() => bus.stop());
  void bus.start();
  const saw = (what: string, times = 1): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (logged.filter((line) => line.startsWith(what)).length >= times) resolve();
      };
      waiting.add(look);
      look();
    });
  return { rig, bus, publicKey, logged, saw };
}

test.concurrent('it comes back when nats-server was away', async (context) => {
  const { rig, bus, saw } = await startBus(context);
  await saw('connected');
  expect(bus.trouble).toBeNull();
  await rig.stop();
  await saw('disconnect');
  expect(bus.trouble).toMatch(/^127.0.0.1:\d+ is away$/);
  await rig.start();
  await saw('connected', 2);
  expect(bus.trouble).toBeNull();
});

test.concurrent('it comes back when a server had refused it for a while', async (context) => {
  const { rig, saw } = await startBus(context);
  await saw('connected');
  await rig.stop();
  // Another federation's server on the same port, which knows nobody of this one.
  const stranger = await NatsRig.open({ port: rig.port, pki: rig.pki });
  context.onTestFinished(() => stranger.close());
  await stranger.start();
  await saw('refused');
  await stranger.stop();
  await rig.start();
  await saw('connected', 2);
});

test.concurrent('a revoked node tells its owner what to do, and tries on, ever more slowly', async (context) => {
  const { rig, bus, saw, logged, publicKey } = await startBus(context);
  await saw('connected');
  await rig.server.revokeUsers([publicKey]);
  await saw('refused', 2);
  const words =
    /does not accept node pi any more; it was revoked, perhaps: ask the operator.*new token/;
  expect(logged.findLast((line) => line.startsWith('refused'))).toMatch(words);
  expect(bus.trouble).toMatch(words);
});

test.concurrent.for([
  ['is connected', 'connected', 1],
  ['was just cut off', 'disconnect', 1],
  ['tries to connect', 'disconnect', 2],
  ['gave up for now', 'refused', 1],
] as const)('it stops at once when it %s', async ([, said, times], context) => {
  const { rig, bus, saw, publicKey } = await startBus(context);
  await saw('connected');
  if (said !== 'connected') await rig.server.revokeUsers([publicKey]);
  await saw(said, times);
  const outcome = await Promise.race([
    bus.stop().then(() => 'stopped'),
    new Promise((resolve) => setTimeout(resolve, 2_000, 'hangs')),
  ]);
  expect(outcome).toBe('stopped');
});

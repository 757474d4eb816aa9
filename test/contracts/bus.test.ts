// The buses that pass the contract: the nats-server that a scheduler starts, and one that somebody
// else runs with what `nats-config` wrote; each of Debian 12, and of Debian 13 where setup could
// fetch it. The simulator's bus carries calls inside one process: it has no users to part.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'vitest';
import { ExternalNats } from '../../scheduler/adapters/nats/external-nats.ts';
import { writeNatsConfig } from '../../scheduler/adapters/nats/nats-config.ts';
import { Program } from '../integration/program.ts';
import { root } from '../integration/rig.ts';
import { NatsRig } from '../scheduler/nats/nats-rig.ts';
import { busContract } from './bus.contract.ts';
import type { BusRig } from './bus.contract.ts';

const servers = [
  ["this machine's", '/usr/sbin/nats-server'],
  ["Debian 13's", join(root, 'tools/nats-server-2.10/usr/sbin/nats-server')],
] as const;

for (const [whose, binary] of servers) {
  if (existsSync(binary)) {
    busContract(`on ${whose} nats-server, the scheduler's child`, () => childRig(binary));
    busContract(`on ${whose} nats-server, run by somebody else`, () => externalRig(binary));
  } else {
    test(`the bus on ${whose} nats-server`, (context) =>
      context.skip(true, `${binary} is not here: node tools/setup.mjs --for test`));
  }
}

async function childRig(binary: string): Promise<BusRig> {
  const nats = await NatsRig.open();
  return {
    ...{ identity: nats.identity, caPem: nats.pki.caPem },
    start: async () => {
      // The first one in PATH is the scheduler's.
      const before = process.env['PATH'];
      process.env['PATH'] = `${dirname(binary)}:${before}`;
      await nats.start();
      process.env['PATH'] = before;
    },
    stop: () => nats.stop(),
    get urls() {
      return nats.server.urls;
    },
    revokeUsers: (keys) => nats.server.revokeUsers(keys),
    close: () => nats.close(),
  };
}

async function externalRig(binary: string): Promise<BusRig> {
  // For its folder, keys and port: it starts no server here.
  const own = await NatsRig.open();
  const { folder, identity, port } = own;
  const { caPem } = own.pki;
  const urls = [`tls://localhost:${port}`];
  const to = join(folder, 'external');
  const configuration = await writeNatsConfig({
    ...{ dataFolder: folder, host: 'localhost', port, folder: to },
  });
  let server: Program | undefined;
  let end: ExternalNats | undefined;
  const stop = async (): Promise<void> => {
    await end?.stop();
    await server?.kill('SIGTERM');
  };
  return {
    ...{ identity, caPem, urls },
    start: async () => {
      server = new Program('nats-server', ['-c', configuration], { by: [binary] });
      await server.said('Server is ready');
      end = await ExternalNats.connect({ urls, identity, caPem });
    },
    stop,
    revokeUsers: async (keys) => end?.revokeUsers(keys),
    close: async () => {
      await stop();
      await own.close();
    },
  };
}

// A federation on a nats-server that somebody else runs, with what `nats-config` wrote: the version
// of Debian 12, and that of Debian 13 where setup could fetch it.

import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NodeHealth } from '../../proto/gen/punnet/v1/node_service.ts';
import { KeptPorts } from '../../scheduler/adapters/kept-ports.ts';
import { Program, longTestMs } from './program.ts';
import { Rig, root, until } from './rig.ts';

const servers: readonly (readonly [string, string])[] = [
  ["of this machine's Debian", '/usr/sbin/nats-server'],
  ['of Debian 13', join(root, 'tools/nats-server-2.10/usr/sbin/nats-server')],
];

describe.each(servers)('on the nats-server %s', (_, binary) => {
  test.concurrent(
    'agents enrol, work and come back, and a revoked one is dropped',
    async (context) => {
      const { onTestFinished, expect } = context;
      context.skip(!existsSync(binary), `${binary} is not here: node tools/setup.mjs --for test`);
      const rig = new Rig();
      onTestFinished(() => rig.stop());
      chmodSync(rig.folder, 0o711);
      const port = await new KeptPorts(rig.folder).port('nats', '127.0.0.1');
      const to = join(rig.folder, 'nats');
      const wanted = ['--host', 'localhost', '--to', to, '--port', String(port)];
      const made = await rig.call(
        'bin/punnet-scheduler.cjs',
        'nats-config',
        '--data',
        rig.data,
        ...wanted,
      );
      expect(made).toMatchObject({ code: 0, err: '' });
      const start = (): Program =>
        new Program('nats-server', ['-c', join(to, 'nats-server.conf')], { by: [binary] });
      let nats = start();
      onTestFinished(async () => void (await nats.kill('SIGTERM')));
      await nats.said('Server is ready');
      rig.flags = ['--nats-url', `tls://localhost:${port}`];
      await rig.startScheduler();
      await rig.addNodes(['one', 'two']);
      const file = rig.jobFile('echo done > out.txt', {
        tasks: { count: 4 },
        outputs: ['out.txt'],
      });
      await rig.untilSucceeded((await rig.submit(file)).jobId);

      // It forgets nothing that it was told, over a restart of its own.
      const { nodes } = rig.connection;
      const { id } = rig.node('one');
      await rig.connection.call(nodes.revokeNode.bind(nodes), { nodeId: id });
      await until('the agent hears that it was revoked', async () =>
        (await Promise.resolve(rig.node('one').agent.tail())).includes('revoked')
          ? true
          : undefined,
      );
      await nats.kill('SIGKILL');
      await rig.scheduler.said('nats-server is away');
      nats = start();
      await nats.said('Server is ready');
      await rig.scheduler.said('nats-server is back');
      await rig.untilSucceeded((await rig.submit(file)).jobId);
      // An agent that starts while the scheduler is away says so to nobody: it is asked.
      await rig.scheduler.kill('SIGKILL');
      const two = rig.node('two');
      await two.agent.kill('SIGKILL');
      two.agent = rig.agent('two');
      await until('the new agent is connected', async () => {
        const { out } = await rig.call('punnet-agent.cjs', 'status', '--state', two.state);
        return out.includes(': connected.') ? true : undefined;
      });
      await rig.startScheduler();
      await rig.untilNode('two', (node) => node.status !== undefined);
      const found = await rig.listNodes();
      expect(found.map(({ name, health }) => [name, health]).sort()).toEqual([
        ['one', NodeHealth.REVOKED],
        ['two', NodeHealth.HEALTHY],
      ]);
    },
    longTestMs,
  );
});

test('a server with other keys, or none, is told with the way out', async () => {
  const rig = new Rig();
  onTestFinished(() => rig.stop());
  const port = await new KeptPorts(rig.folder).port('nats', '127.0.0.1');
  const flags = ['--grpc-port', '0', '--https-port', '0', '--metrics-port', '0'];
  const url = ['--nats-url', `tls://localhost:${port}`];
  const ran = await rig.call('bin/punnet-scheduler.cjs', '--data', rig.data, ...flags, ...url);
  expect(ran.code).toBe(1);
  expect(ran.err).toContain('wanted a nats-server with the keys of this federation');
  expect(ran.err).toContain('punnet-scheduler nats-config --help');
  expect(ran.err).not.toMatch(/\n +at /);
});

// A task with internet at a real node behind NAT: nobody gets one before operator and owner say yes, it reaches a server of the
// internet and nothing of home, overlay or core, and goes on when its agent is killed.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { coreAddress } from '../../lab/layout.ts';
import { overlayPrefix, up } from '../../lab/overlay.ts';
import { Network } from '../../lab/network.ts';
import { Space } from '../../lab/space.ts';
import { OverlayRig } from '../integration/overlay-rig.ts';
import { longTestMs } from '../integration/program.ts';
import { root, until, type Ran } from '../integration/rig.ts';

const missing = Network.missing();
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
const node = 'home-1';
/** Of the whole internet, and nobody's in the lab. */
const publicAddress = '192.0.9.1';

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

/** Says `wait` until it has been asked so often. */
const serverText = `
let asked = 0;
require('node:http').createServer((request, response) => {
  if (request.url === '/wait') { asked += 1; console.log('asked ' + asked); }
  response.end(asked < 8 && request.url === '/wait' ? 'wait' : 'served');
}).listen(80, process.argv[1], () => console.log('ready'));
`;

const near = ['192.168.1.1', coreAddress, `[${overlayPrefix}::1]`, '127.0.0.1'];
const script = `#!/bin/sh
curl -sS http://${publicAddress}/ && echo
curl -sS ${near.map((address) => `http://${address}/`).join(' ')}
until curl -s http://${publicAddress}/wait | grep served; do sleep 0.2; done
`;

async function submit(here: OverlayRig): Promise<void> {
  const folder = join(here.folder, 'job');
  mkdirSync(join(folder, 'program'), { recursive: true });
  writeFileSync(join(folder, 'program/run.sh'), script, { mode: 0o755 });
  const job = `name: fetch
bundles: { x86_64: { file: program } }
command: [/bundle/run.sh]
tasks: { count: 1 }
memory: 256 MB
retries: 0
network: internet
profile: { work: 1 GHz*s, output: 1 kB, internet: 1 MB }
`;
  writeFileSync(join(folder, 'job.yaml'), job);
  await here.punnet('submit', join(folder, 'job.yaml'));
}

test(
  'is let out by operator and owner, to servers of the internet alone',
  async () => {
    const line = { downBps: 20e6, upBps: 4e6 };
    const more = ['--internet'];
    rig = await OverlayRig.start(['main=CORE:1194'], [{ name: 'home', nodes: 1, ...line }], {
      more,
    });
    const here = rig;
    const { core } = here.network;
    core.configure('ip', [`addr add ${publicAddress}/32 dev eth0`]);
    const internet = new Space(core.name.replace(/core$/, 'internet'));
    internet.configure('ip', [`route add ${publicAddress}/32 via ${coreAddress}`]);
    const server = here.run('server', core, [process.execPath, '-e', serverText, publicAddress]);
    await server.said('ready');
    await here.enrol(node);
    await here.tunnel(node).said(up);
    const agent = here.agent(node);
    await agent.said('"event":"started"');
    const punnetAgent = (...words: readonly string[]): Promise<Ran> => {
      const program = ['node', join(root, 'dist/punnet-agent.cjs'), ...words];
      return here.call(here.network.node(node), [...program, '--state', here.stateOf(node)]);
    };

    await submit(here);
    await until('it is told why nothing starts', async () => {
      const said = await here.punnet('explain', 'fetch');
      return said.includes('the owner allows no tasks with internet') || undefined;
    });
    expect(await punnetAgent('limits', '--internet', 'on')).toMatchObject({ code: 0 });
    await server.said('asked 1');
    expect((await punnetAgent('status')).out).toMatch(
      /task 0 of fetch \(.*\), running, with internet/,
    );
    const ways = async (): Promise<number> => {
      const { out } = await here.call(here.network.node(node), ['ss', '-xlH']);
      return out.split('\n').filter((each) => /attempts\/\d+\/internet/.test(each)).length;
    };
    expect(await ways()).toBe(1);
    await agent.kill('SIGKILL');
    await here.agent(node).said('"event":"started"');
    await until('it has succeeded', async () => {
      const said = await here.punnet('job', 'fetch');
      return said.includes('succeeded') || undefined;
    });
    // With its task its way has ended.
    expect(await ways()).toBe(0);
    const log = await here.punnet('logs', 'fetch', '0');
    const lines = log.split('\n').filter(Boolean);
    expect(lines[0]).toBe('served');
    expect(lines.filter((each) => each.includes('a task reaches the internet alone'))).toHaveLength(
      near.length,
    );
    expect(lines.at(-1)).toBe('served');
  },
  longTestMs,
);

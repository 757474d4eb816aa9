// A federation in homes, over real OpenVPN: what its lines and servers go through while a job runs
// leaves no trace in the results.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Network } from '../../lab/network.ts';
import { up } from '../../lab/overlay.ts';
import { OverlayRig } from '../integration/overlay-rig.ts';
import { longTestMs } from '../integration/program.ts';
import { until } from '../integration/rig.ts';

const missing = Network.missing();
const line = { downBps: 20_000_000, upBps: 4_000_000 };
/** Of a home's node: the site that its token names. */
const nodes = { 'one-1': undefined, 'one-2': undefined, 'two-1': 'two', 'three-1': 'three' };
const healthy = 'NODE_HEALTH_HEALTHY';

let rig: OverlayRig;

beforeAll(async () => {
  if (missing !== undefined) return;
  rig = await OverlayRig.start(
    ['main=CORE:1194'],
    [
      { name: 'one', nodes: 2, ...line },
      { name: 'two', nodes: 2, carrier: 'mobile', ...line },
      { name: 'three', nodes: 2, carrier: 'mobile', ...line },
      { name: 'four', nodes: 2, carrier: 'mobile', ...line },
    ],
  );
  for (const site of ['two', 'three']) {
    await rig.punnet('site', 'set', site, '--down', '20 Mbit/s', '--up', '4 Mbit/s');
  }
  await Promise.all(
    Object.entries(nodes).map(async ([name, site]) => {
      const agent = await rig.join(name, await rig.nodeToken(1, site));
      await agent.said('"started"');
    }),
  );
}, longTestMs);
beforeEach((context) => context.skip(missing !== undefined, missing));
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
});
afterAll(() => rig?.stop());

test('nodes of a home are one site; homes that a carrier gives one address are told apart by their tokens', async () => {
  const sites = await until('a site with two nodes', async () => {
    const sitesOf = new Map((await nodesNow()).map(({ name, siteId }) => [name, siteId]));
    return sitesOf.get('one-1') === sitesOf.get('one-2') ? sitesOf : undefined;
  });
  expect(sites.get('two-1')).toBe('two');
  expect(sites.get('three-1')).toBe('three');
});

test(
  'behind that address the word of an owner joins the Pis of one home, and no others',
  async () => {
    const names = ['four-1', 'four-2'] as const;
    for (const name of names) await rig.enrol(name);
    const [code = ''] = (await ownerSays('four-1')).match(/[0-9a-f]{32}/) ?? [];
    await ownerSays('four-2', code);
    for (const name of names) await rig.tunnel(name).said(up);
    const agents = names.map((name) => rig.agent(name));
    const found = await until('a site that the owner named', async () => {
      const nodes = (await nodesNow()).filter(({ name }) => name.startsWith('four'));
      return nodes.every(({ sitedBy }) => sitedBy === 'SITED_BY_OWNER') ? nodes : undefined;
    });
    expect(new Set(found.map(({ siteId }) => siteId)).size).toBe(1);
    const others = (await nodesNow()).filter(({ name }) => !name.startsWith('four'));
    expect(others.map(({ siteId }) => siteId)).not.toContain(found[0]?.siteId);
    for (const agent of agents) await agent.kill('SIGTERM');
  },
  longTestMs,
);

/** `punnet-agent household` on that node; what it prints. */
async function ownerSays(name: string, ...words: readonly string[]): Promise<string> {
  const state = ['--state', rig.stateOf(name)];
  const program = ['node', 'dist/punnet-agent.cjs', 'household', ...words, ...state];
  const { code, out, err } = await rig.call(rig.network.node(name), program);
  if (code !== 0) throw new Error(`household of ${name}: ${err}`);
  return out;
}

test(
  'a home whose cable is out for a minute goes on, and each result arrives once',
  async () => {
    const job = await submit('unplugged', 24);
    await untilRunning(job, 4);
    rig.network.setPlugged('one', false);
    await sleep(60_000);
    rig.network.setPlugged('one', true);
    await mustSucceed(job, 24);
  },
  longTestMs,
);

test(
  'OpenVPN and nats-server end and come again under load',
  async () => {
    const job = await submit('restarted', 24);
    // Of the home that was away, TCP may wait for a minute more.
    await untilRunning(job, 2);
    // It tells its clients; of a crash they learn by its silence, within six minutes.
    await rig.server.kill('SIGTERM');
    const said = rig.scheduler.lines.length;
    process.kill(rig.natsPid(), 'SIGKILL');
    await rig.scheduler.said('nats-server runs again', said);
    await rig.startServer('main');
    await mustSucceed(job, 24);
  },
  longTestMs,
);

test(
  'a cloned card is noticed and stopped',
  async () => {
    await rig.enrol('three-2', await rig.nodeToken(1, 'three'));
    execFileSync('cp', ['-a', rig.stateOf('three-2'), rig.stateOf('clone')]);
    const from = rig.scheduler.lines.length;
    await rig.tunnel('three-2').said(up);
    rig.agent('three-2');
    const isHeard = (node: NodeNow): boolean => node.name === 'three-2' && node.health === healthy;
    await until('a node that was heard', async () =>
      (await nodesNow()).some(isHeard) ? true : undefined,
    );
    // Both have one certificate: whoever comes later takes the tunnel from the other.
    await rig.tunnel('clone', [], 'two-2').said(up);
    rig.agent('clone', 'two-2');
    await rig.scheduler.said('nodes quarantined', from);
    const now = (await nodesNow()).find(({ name }) => name === 'three-2');
    expect(now?.health).toBe('NODE_HEALTH_QUARANTINED');
  },
  longTestMs,
);

interface NodeNow {
  readonly name: string;
  readonly siteId: string;
  readonly sitedBy: string;
  readonly health: string;
}

async function nodesNow(): Promise<readonly NodeNow[]> {
  return (JSON.parse(await rig.punnet('--output', 'json', 'nodes')) as { nodes: NodeNow[] }).nodes;
}

/** Submits a job whose tasks take three seconds. */
async function submit(name: string, count: number): Promise<string> {
  await rig.submitSleepers(name, count, 3);
  return name;
}

interface TaskNow {
  readonly failures: number;
  readonly losses: number;
}

async function tasksOf(job: string, state: string): Promise<readonly TaskNow[]> {
  const text = await rig.punnet('--output', 'json', 'tasks', job, '--state', state);
  return (JSON.parse(text) as { tasks: TaskNow[] }).tasks;
}

function untilRunning(job: string, count: number): Promise<true> {
  return until(`${count} tasks that run`, async () =>
    (await tasksOf(job, 'running')).length >= count ? true : undefined,
  );
}

/** Waits for the end: no attempt failed or was lost, and every task has its result. */
async function mustSucceed(job: string, count: number): Promise<void> {
  const look = async (): Promise<readonly TaskNow[] | undefined> => {
    const tasks = await tasksOf(job, 'succeeded');
    return tasks.length === count ? tasks : undefined;
  };
  const done = await until(`the end of ${job}`, look, longTestMs / 2);
  for (const { failures, losses } of done) expect(Number(failures) + Number(losses)).toBe(0);
  const to = join(rig.folder, `results of ${job}`);
  await rig.punnet('fetch', job, '--to', to);
  for (let index = 0; index < count; index += 1) {
    expect(readFileSync(join(to, String(index), 'out.txt'), 'utf8')).toBe(`task ${index}\n`);
  }
}

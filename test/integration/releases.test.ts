// Releases on real processes. One of the agent: published, rolled out, taken over by the next agent; one that
// does not start is taken back by the node, and the rollout with it. And one of files, ring after ring.

import { copyFileSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Rollout } from '../../proto/gen/punnet/v1/release_service.ts';
import { RolloutPhase } from '../../proto/gen/punnet/v1/release_service.ts';
import { Program, longTestMs } from './program.ts';
import { Rig, root } from './rig.ts';

let rig: Rig;
let supervisor: Program | undefined;

/** What systemd does with the unit: starts it again, whatever its end, and hands a signal on. */
const supervise = `trap 'kill "$child"; wait "$child"; exit 0' TERM
while :; do sh deploy/debian/punnet-agent/start-agent.sh "$1" & child=$!; wait "$child"; sleep 0.2; done`;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.addNodes(['one']);
  await rig.node('one').agent.kill('SIGTERM');
  const program = join(root, 'dist/punnet-agent.cjs');
  supervisor = new Program('one', ['-c', supervise, 'sh', rig.node('one').state], {
    ...{ by: ['sh'], cwd: root },
    env: {
      ...rig.env,
      INVOCATION_ID: '',
      PUNNET_NODE: process.execPath,
      PUNNET_AGENT_PROGRAM: program,
    },
  });
}, longTestMs);
afterEach((context) => {
  if (context.task.result?.state !== 'fail') return;
  process.stderr.write(`${rig.logs()}\n${supervisor?.tail()}\n`);
});
afterAll(async () => {
  await supervisor?.kill('SIGTERM');
  await rig.stop();
});

/** A folder with the agent, and more in it. */
function agentFolder(version: string, program?: string): string {
  const folder = join(rig.folder, `agent-${version}`);
  mkdirSync(folder);
  const file = join(folder, 'punnet-agent.cjs');
  if (program === undefined) copyFileSync(join(root, 'dist/punnet-agent.cjs'), file);
  else writeFileSync(file, program);
  return folder;
}

async function rollOut(version: string, folder: string): Promise<void> {
  const publish = ['release', 'publish', 'agent', version, '--from', folder];
  expect(await rig.punnet(...publish)).toMatchObject({ code: 0 });
  const start = await rig.punnet('rollout', 'start', 'agent', version, '--bake', '0 s');
  expect(start).toMatchObject({ code: 0 });
}

async function ended(): Promise<Rollout | undefined> {
  const { releases } = rig.connection;
  for (;;) {
    const { rollouts } = await rig.connection.call(releases.listRollouts.bind(releases), {});
    if (rollouts[0]?.phase !== RolloutPhase.RUNNING) return rollouts[0];
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const active = (): string => readlinkSync(join(rig.node('one').state, 'releases/agent/active'));

test(
  'the agent is replaced by a release of it, and goes back from one that does not start',
  async () => {
    expect(await rig.punnet('release', 'init')).toMatchObject({ code: 0 });
    await rollOut('0.2.0', agentFolder('0.2.0'));
    const done = await ended();
    expect(done).toMatchObject({ phase: RolloutPhase.DONE, version: '0.2.0' });
    expect(done?.rings[0]).toMatchObject({ nodes: 1, active: 1, proven: 1, failed: 0 });
    expect(done?.fetchedBytes).toBeGreaterThan(0);
    expect(active()).toBe('0.2.0');

    await rollOut('0.3.0', agentFolder('0.3.0', 'process.exit(1);'));
    expect(await ended()).toMatchObject({
      phase: RolloutPhase.FAILED,
      reason: '1 of 1 nodes went back from it: it did not prove itself in two starts',
    });
    expect(active()).toBe('0.2.0');
    const status = await rig.punnet('rollout', 'status', 'agent');
    expect(status.out).toMatch(/state +failed\nwhy +1 of 1 nodes went back/);
  },
  longTestMs,
);

test(
  'files go to the nodes of two sites ring by ring, as whoever watches sees',
  async () => {
    await rig.addNodes(['two', 'three'], { site: 'there' });
    const folder = join(rig.folder, 'maps');
    mkdirSync(folder);
    writeFileSync(join(folder, 'map.txt'), 'here and there');
    const publish = ['release', 'publish', 'maps', '1.0', '--from', folder];
    expect(await rig.punnet(...publish)).toMatchObject({ code: 0 });
    const start = await rig.punnet('rollout', 'start', 'maps', '1.0', '--bake', '3 s');
    expect(start).toMatchObject({ code: 0 });
    const { code, out } = await rig.punnet('rollout', 'status', 'maps', '--watch');
    expect(code).toBe(0);
    // Nodes, heard, staged, active and proven of each ring, at each look.
    const looks = out.split(/^release +/m).slice(1);
    const counts = looks.map((look) =>
      [...look.matchAll(/^\d .*?(?:activates|fetches)((?: +\d+){5}) +0$/gm)].map(([, each = '']) =>
        each.trim().split(/ +/).map(Number),
      ),
    );
    const active = counts.map((rings) => rings.map((ring) => ring[3] ?? 0));
    expect(counts.at(-1)?.map(([nodes]) => nodes)).toEqual([1, 1, 0, 0, 1]);
    expect(active.at(-1)).toEqual([1, 1, 0, 0, 1]);
    for (const [first = 0, second = 0, , , last = 0] of active) {
      expect(first).toBeGreaterThanOrEqual(second);
      expect(second).toBeGreaterThanOrEqual(last);
    }
    expect(active, 'the second site waits').toContainEqual([1, 0, 0, 0, 0]);
    expect(out).toMatch(/^done in +\d.*, if all goes well$/m);
    expect(out).toMatch(/^fetched +\d.*; 0 B were there already$/m);
    for (const name of ['one', 'two', 'three']) {
      const file = join(rig.node(name).state, 'releases/maps/active/map.txt');
      expect(readFileSync(file, 'utf8')).toBe('here and there');
    }
  },
  longTestMs,
);

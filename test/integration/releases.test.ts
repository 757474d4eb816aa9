// A release of the agent, on real processes: published, rolled out, taken over by the next agent; one that
// does not start is taken back by the node, and the rollout with it.

import { copyFileSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
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

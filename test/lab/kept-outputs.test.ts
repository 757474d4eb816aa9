// Outputs that stay at a site with a LAN: a neighbour of the node that made them works on them, and the line hears nothing of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { Network } from '../../lab/network.ts';
import { OverlayRig } from '../integration/overlay-rig.ts';
import { longTestMs, patienceMs } from '../integration/program.ts';
import { until } from '../integration/rig.ts';

const missing = Network.missing();
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
const pictureBytes = 2_000_000;
const pictures = 6;

let rig: OverlayRig | undefined;

beforeAll(async () => {
  if (missing !== undefined || isShort) return;
  const line = { downBps: 20_000_000, upBps: 4_000_000 };
  rig = await OverlayRig.start(['main=CORE:1194'], [{ name: 'reserve', nodes: 2, ...line }]);
  await rig.punnet('site', 'set', 'reserve', '--down', '20 Mbit/s', '--up', '4 Mbit/s');
}, longTestMs);
beforeEach((context) => {
  context.skip(missing !== undefined, missing);
  context.skip(isShort, 'npm run test:lab runs it');
});
afterEach((context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
});
afterAll(() => rig?.stop());

/** Submits a job of one shell script, and waits for its end. */
async function run(on: OverlayRig, script: string, spec: Readonly<Record<string, unknown>>) {
  const folder = join(on.folder, String(spec['name']));
  mkdirSync(join(folder, 'program'), { recursive: true });
  const whole = `#!/bin/sh\nset -eu\n${script}\n`;
  writeFileSync(join(folder, 'program/run.sh'), whole, { mode: 0o755 });
  const job = {
    ...{ bundles: { x86_64: { file: 'program' } }, command: ['/bundle/run.sh', '{index}'] },
    ...{ site: 'reserve', profile: { work: '1 GHz*s', output: '1 kB' }, ...spec },
  };
  writeFileSync(join(folder, 'job.yaml'), stringify(job));
  await on.punnet('submit', join(folder, 'job.yaml'));
  await until(
    `the end of ${String(spec['name'])}`,
    async () => {
      const text = await on.punnet('--output', 'json', 'job', String(spec['name']));
      return text.includes('JOB_STATE_SUCCEEDED') ? true : undefined;
    },
    3 * patienceMs,
  );
}

async function nodesOf(on: OverlayRig, job: string): Promise<readonly string[]> {
  const text = await on.punnet('--output', 'json', 'tasks', job);
  return (JSON.parse(text) as { tasks: { nodeName: string }[] }).tasks.map((task) => task.nodeName);
}

test(
  'go from Pi to Pi, and not over the line',
  async () => {
    if (rig === undefined) throw new Error('there is no rig');
    const token = await rig.nodeToken(2, 'reserve');
    await (await rig.join('reserve-1', token)).said('"started"');
    await run(rig, `head -c ${pictureBytes} /dev/urandom > picture`, {
      ...{ name: 'pictures', tasks: { count: pictures }, outputs: ['picture'] },
      keepOutputs: 'site',
    });
    await (await rig.join('reserve-2', token)).said('"started"');
    const before = rig.network.carried('reserve');
    await run(rig, 'sleep 5; wc -c < picture > size', {
      ...{ name: 'sizes', tasks: { outputsOf: 'pictures' }, outputs: ['size'] },
    });
    const after = rig.network.carried('reserve');
    expect(new Set(await nodesOf(rig, 'pictures'))).toEqual(new Set(['reserve-1']));
    expect(new Set(await nodesOf(rig, 'sizes'))).toEqual(new Set(['reserve-1', 'reserve-2']));
    expect(after.sentBytes - before.sentBytes).toBeLessThan(pictureBytes / 4);
    expect(after.receivedBytes - before.receivedBytes).toBeLessThan(pictureBytes / 4);
  },
  longTestMs,
);

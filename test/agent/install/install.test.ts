// `punnet-agent install` and `leave` as a volunteer types them, with a real scheduler: no systemd here,
// so that the services are left to whoever starts the agent.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyPlan } from '../../../agent/install/apply.ts';
import type { Step } from '../../../agent/install/plan.ts';
import { NodeHealth } from '../../../proto/gen/punnet/v1/node_service.ts';
import { Rig, lendStock, root } from '../../integration/rig.ts';
import type { Ran } from '../../integration/rig.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.stop());

const isRoot = process.getuid?.() === 0;

const agent = (...words: readonly string[]): Promise<Ran> => rig.call('punnet-agent.cjs', ...words);

/** Asks for a token, and has it in a file. */
async function tokenFile(name: string): Promise<{ url: string; file: string }> {
  const { secret, url } = await rig.nodeToken();
  const file = join(rig.folder, `${name}.token`);
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return { url, file };
}

test('a node is installed, again without a change, and leaves', async (context) => {
  context.skip(!isRoot, 'only root installs');
  const { url, file } = await tokenFile('attic');
  const state = join(rig.folder, 'attic');
  const words = ['install', url, '--token-file', file, '--state', state, '--name', 'attic'];

  const dry = await agent(...words, '--dry-run');
  expect(dry).toMatchObject({ code: 0, err: '' });
  expect(dry.out).toContain(`1. make ${state}`);
  expect(dry.out).toContain('MB a month');
  expect(existsSync(state)).toBe(false);

  const done = await agent(...words);
  expect(done).toMatchObject({ code: 0, err: '' });
  expect(done.out).toContain('2 of 2: enrol this node');
  const names = (): string => JSON.stringify(readdirSync(state).map((each) => [each, stamp(each)]));
  const stamp = (name: string): number => statSync(join(state, name)).mtimeMs;
  const before = names();
  // Nothing is asked of the federation any more.
  const again = await agent('install', '--state', state);
  expect(again).toMatchObject({ code: 0, err: '' });
  expect(again.out).toMatch(/All is done already: this is node \S+ of punnet. Nothing changes./);
  expect(names()).toBe(before);

  const node = await rig.untilNode('attic', () => true);
  const left = await agent('leave', '--state', state);
  expect(left).toMatchObject({ code: 0, err: '' });
  expect(left.out).toContain(`Node ${node.nodeId} has left punnet.`);
  expect(readdirSync(state)).toEqual([]);
  await rig.untilNode('attic', ({ health }) => health === NodeHealth.REVOKED);
  expect((await agent('leave', '--state', state)).out).toContain('in no federation');
});

test('who leaves while the federation is away is told what is left to do', async () => {
  const { url, file } = await tokenFile('cellar');
  const state = join(rig.folder, 'cellar');
  lendStock(state);
  const enrolled = await agent('enrol', url, '--token-file', file, '--state', state);
  expect(enrolled.code).toBe(0);
  const identity = join(state, 'identity.json');
  // An address where nobody is.
  const text = readFileSync(identity, 'utf8').replace(/tls:\/\/localhost:\d+/, 'tls://localhost:1');
  writeFileSync(identity, text);
  const left = await agent('leave', '--state', state);
  expect(left.code).toBe(0);
  expect(left.out).toMatch(/could not be told .*punnet node revoke/);
  expect(readdirSync(state)).toEqual([]);
});

test('the doctor finds a federation that is there, and an agent that is not', async () => {
  const { url, file } = await tokenFile('loft');
  const state = join(rig.folder, 'loft');
  lendStock(state);
  const fresh = await agent('doctor', '--state', state);
  expect(fresh.out).toMatch(/WRONG +enrolment/);
  expect((await agent('enrol', url, '--token-file', file, '--state', state)).code).toBe(0);
  const said = await agent('doctor', '--state', state);
  expect(said).toMatchObject({ code: 1, err: '' });
  for (const what of ['DNS', 'federation', 'clock', 'bus', 'limits']) {
    expect(said.out).toMatch(new RegExp(`^ok +${what} `, 'm'));
  }
  expect(said.out).toMatch(/^WRONG +agent/m);
});

test('what forbids it is told, and nothing is made', async () => {
  const { url, file } = await tokenFile('barn');
  const state = join(rig.folder, 'barn');
  const install = (at: string, token: string): Promise<Ran> =>
    agent('install', at, '--token-file', token, '--state', state);
  const foreign = join(rig.folder, 'foreign.token');
  writeFileSync(foreign, `pnt_${'0'.repeat(32)}_${'1'.repeat(32)}`);
  const garbled = join(rig.folder, 'garbled.token');
  writeFileSync(garbled, 'pnt_0');

  expect((await install(url, foreign)).out).toMatch(/found a certificate of "punnet CA".*proxy/);
  expect((await install('https://localhost:1', file)).out).toMatch(/found .*ECONNREFUSED/);
  expect((await install(url, garbled)).err).toContain('This is not a token');
  expect((await install('localhost', file)).err).toContain('wanted https://HOST:PORT');
  expect((await agent('install', '--state', state)).err).toContain('wants an address and a token');
  expect(existsSync(state)).toBe(false);
});

test('one that is killed at any moment goes on when it is run again, as one node', async (context) => {
  context.skip(!isRoot, 'only root installs');
  const { url, file } = await tokenFile('yard');
  const state = join(rig.folder, 'yard');
  lendStock(state);
  const words = ['install', url, '--token-file', file, '--state', state, '--name', 'yard'];
  const program = [join(root, 'dist/punnet-agent.cjs'), ...words];
  for (const afterMs of [0, 100, 300]) {
    // With all that it started, as a power cut would.
    const killed = spawn(process.execPath, program, { detached: true, stdio: 'pipe' });
    const ended = once(killed, 'exit');
    await once(killed.stdout, 'data');
    await sleep(afterMs);
    if (killed.exitCode === null) process.kill(-Number(killed.pid), 'SIGKILL');
    await ended;
  }
  const done = await agent(...words);
  expect(done).toMatchObject({ code: 0, err: '' });
  expect((await rig.listNodes()).filter(({ name }) => name === 'yard')).toHaveLength(1);
  expect((await agent('install', '--state', state)).out).toContain('All is done already');
});

test('a disk that is full half way is named, and the same steps go on', async (context) => {
  const disk = diskOf(context, await SmallDisk.mount(2));
  context.onTestFinished(() => disk.unmount());
  const { url, file } = await tokenFile('shed');
  const stateFolder = join(disk.path, 'shed');
  const program = join(root, 'dist/punnet-agent.cjs');
  const token = readFileSync(file, 'utf8').trim();
  lendStock(stateFolder);
  const steps: readonly Step[] = [{ kind: 'enrol', url, why: '' }];
  const apply = (): void =>
    applyPlan({ steps, stateFolder, program, token, name: 'shed' }, () => undefined);
  disk.fill();
  expect(apply).toThrow(/Step 1 of 1 .* failed: the disk is full .*goes on from here/);
  disk.free();
  apply();
  await rig.untilNode('shed', () => true);
});

// The agent's folder, killed at any moment: what is in it is the old or the new, never a torn one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeptFile } from '../../../agent/adapters/state/kept-file.ts';
import { writeAtOnce, writeDurably } from '../../../agent/adapters/state/durable.ts';
import { RunningTime } from '../../../agent/adapters/state/running-time.ts';
import { StateFolder, type Identity } from '../../../agent/adapters/state/state-folder.ts';
import { bundleInto } from '../../bundle-into.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'punnet-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const identity: Identity = {
  ...{ nodeId: 'n1', federation: 'f', siteId: 's', natsJwt: 'jwt', natsUrls: ['tls://x'] },
  ...{ httpsUrl: 'https://x', caPem: 'pem' },
};

test('a write that is killed at any byte leaves the old file', () => {
  const state = new StateFolder(folder);
  state.writeIdentity(identity);
  const whole = readFileSync(state.file('identity.json'), 'utf8');
  for (let length = 0; length <= whole.length; length += 1) {
    // What a kill in the middle of the write leaves beside it.
    writeFileSync(state.file('identity.json.1.new'), whole.slice(0, length));
    expect(state.readIdentity()).toEqual(identity);
  }
  state.writeIdentity({ ...identity, siteId: 'moved' });
  expect(state.readIdentity()?.siteId).toBe('moved');
});

test('whoever reads while it is written over and over sees one of the whole texts', async () => {
  const source = `import { writeDurably, writeAtOnce } from './agent/adapters/state/durable.ts';
    for (let round = 0; ; round += 1) {
      const text = String(round % 10).repeat(20_000);
      writeDurably(process.argv[2], text);
      writeAtOnce(process.argv[3], text)();
      if (round === 0) console.log('written');
    }`;
  const program = bundleInto(folder, 'writer.mjs', source);
  const files = [join(folder, 'durably'), join(folder, 'at-once')];
  for (let kills = 0; kills < 5; kills += 1) {
    const writer = spawn(process.execPath, [program, ...files], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(writer.stdout, 'data');
    for (let reads = 0; reads < 200; reads += 1) for (const file of files) expectWhole(file);
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    for (const file of files) expectWhole(file);
  }
});

function expectWhole(file: string): void {
  const text = readFileSync(file, 'utf8');
  expect(text.length).toBe(20_000);
  expect(text).toBe((text[0] ?? '').repeat(20_000));
}

test('a file that something else has damaged is named, with what to do', () => {
  const state = new StateFolder(folder);
  writeFileSync(state.file('identity.json'), '{"nodeId": "n1", ');
  expect(() => state.readIdentity()).toThrow(/identity.json is damaged .*enrol this node again/);
  writeFileSync(state.file('instance.json'), '');
  // A lower number than before would look like a clone.
  expect(() => state.countStart()).toThrow(/instance.json is damaged/);
});

test('starts are counted on, over kills', () => {
  const count = (): number => new StateFolder(folder).countStart();
  expect([count(), count(), count()]).toEqual([1, 2, 3]);
});

test('running time goes on where the last start left it; a torn file counts from nothing', () => {
  const file = join(folder, 'running-ms');
  const time = new RunningTime(new KeptFile(file));
  time.start();
  time.stop();
  writeFileSync(file, '5000000');
  expect(new RunningTime(new KeptFile(file)).nowMs()).toBeGreaterThanOrEqual(5_000_000);
  writeFileSync(file, '');
  expect(new RunningTime(new KeptFile(file)).nowMs()).toBeLessThan(5_000_000);
});

test('nothing but the file is left by a write', () => {
  writeDurably(join(folder, 'a'), 'x');
  writeAtOnce(join(folder, 'b'), 'x')();
  expect(readdirSync(folder).sort()).toEqual(['a', 'b']);
});

test('one agent at a time has the folder, and says its status to whoever asks', async () => {
  const state = new StateFolder(folder);
  expect(await state.askStatus()).toBeNull();
  let status = 'first';
  await state.lock(() => status);
  expect(await state.askStatus()).toBe('first');
  status = 'second';
  expect(await new StateFolder(folder).askStatus()).toBe('second');
  await expect(new StateFolder(folder).lock(() => '')).rejects.toThrow(/Another agent runs/);
});

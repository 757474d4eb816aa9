// Replays of a scheduler's journal: what becomes of it, how it is told, and that it is only read.

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeFrame } from '../../../scheduler/adapters/journal/codec.ts';
import { FileJournal } from '../../../scheduler/adapters/journal/file-journal.ts';
import { imageOf, jobId, toJournal } from '../../../scheduler/core/index.ts';
import { readReplayed } from '../../../sim/replay/replayed.ts';
import { checkBuild } from '../../integration/rig.ts';
import { CoreHarness, heldBy, pi3 } from '../../scheduler/core/harness.ts';
import { runToEnd } from '../../run-to-end.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-replay-'));
beforeAll(checkBuild);
afterAll(() => rmSync(folder, { recursive: true }));

/** Two sites and some jobs, of which two have ended and are told of a second of CPU for each task. */
function past(): CoreHarness {
  const core = new CoreHarness();
  core.setSite('thin', 2e6, 1e6);
  core.setSite('fat', 100e6, 50e6);
  core.node('old', 'thin', { ...pi3, slots: 1, speedGhz: 0.5 });
  core.node('new', 'fat');
  core.node('laptop', 'fat', { ...pi3, architecture: 'x86_64', userland: 'amd64', speedGhz: 5 });
  const taskInputBytes = [1_000, 3_000];
  core.submit('data', { taskCount: 2, taskInputBytes });
  core.wait(30_000);
  endAll(core);
  core.submit('after', { taskCount: 1, after: [jobId('data')], profile: unknown });
  core.wait(60_000);
  endAll(core);
  core.submit('gone');
  core.give({ kind: 'cancelJob', jobId: jobId('gone') });
  core.submit('running', { taskCount: 1 });
  return core;
}

const unknown = { workGhzSeconds: null, outputBytes: null };

function endAll(core: CoreHarness): void {
  for (const node of core.state.nodes) {
    for (const leaseId of heldBy(node)) core.end(node.nodeId, leaseId, 'succeeded');
  }
}

/** Its data folder. */
async function written(name: string, { facts, state }: CoreHarness, at?: 'snapshot') {
  const data = join(folder, name);
  const journal = FileJournal.open(join(data, 'journal'), { segmentBytes: 1 });
  for await (const batch of (await journal.recover()).batches) expect(batch).toEqual([]);
  const batches = [facts.slice(0, 10), facts.slice(10)].map(toJournal);
  for (const [sequence, batch] of batches.entries()) await journal.append(batch, sequence);
  if (at !== undefined) {
    // The second one makes the first segments needless.
    for (let more = 0; more < 2; more += 1) await journal.snapshot(imageOf(state), batches.length);
  }
  await journal.close();
  return data;
}

function bytesIn(data: string): readonly (readonly [string, string])[] {
  const files = readdirSync(join(data, 'journal')).sort();
  return files.map((file) => [file, readFileSync(join(data, 'journal', file), 'base64')]);
}

test.each([undefined, 'snapshot'] as const)('a journal becomes a world (%s)', async (at) => {
  const data = await written(`world-${at ?? 'segments'}`, past(), at);
  const before = bytesIn(data);
  const { world, seconds, makespanSeconds, leftOut } = readReplayed(data);
  expect(bytesIn(data)).toEqual(before);
  expect(world.sites).toEqual([
    { downBps: 2e6, peakBps: 2e6, upBps: 1e6, share: 1, nodes: 1 },
    { downBps: 100e6, peakBps: 100e6, upBps: 50e6, share: 1, nodes: 2 },
  ]);
  expect(world.nodes.map(({ site, speedGhz }) => [site, speedGhz])).toEqual([
    [0, 0.5],
    [1, 1.2],
    [1, 5],
  ]);
  expect(world.jobs).toMatchObject([
    { name: 'data', tasks: 2, submitMs: 0, isDeclared: true, inputBytes: 2_000, after: null },
    { name: 'after', tasks: 1, submitMs: 30_000, isDeclared: false, after: { job: 0 } },
  ]);
  expect(world.jobs[0]?.architectures).toEqual(['armv6l']);
  for (const job of world.jobs) expect([0.5, 0.85, 1.2]).toContain(job.workGhzSeconds);
  expect(seconds).toEqual([30, 60]);
  expect(makespanSeconds).toBe(90);
  expect(Object.fromEntries(leftOut)).toEqual({
    cancelled: 1,
    'not ended': 1,
  });
});

test('of a journal that is being written, what is whole is read, and nothing is cut', async () => {
  const data = await written('live', past());
  const last = readdirSync(join(data, 'journal')).sort().at(-1) ?? '';
  appendFileSync(join(data, 'journal', last), encodeFrame([], 2).subarray(0, 30));
  const before = bytesIn(data);
  expect(readReplayed(join(data, 'journal')).seconds).toEqual([30, 60]);
  expect(bytesIn(data)).toEqual(before);
});

test('punnet sim replay tells what really happened beside what is simulated', async () => {
  const data = await written('told', past());
  const out = join(folder, 'out');
  const ran = sim('replay', data, '--policy', 'ratio', '--out', out);
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(ran.stdout).toMatch(/^scenario +replay of told, seed 1$/m);
  expect(ran.stdout).toMatch(/^really +90 s \(90 s\)\nsimulated ÷ real +0\.\d{3}\n/m);
  expect(ran.stdout).toMatch(/^left out +1 cancelled, 1 not ended$/m);
  expect(ran.stdout).toMatch(/^after +1 +60 s +\d+ s$/m);
  expect(readFileSync(join(out, 'replay.csv'), 'utf8')).toMatch(
    /^job,tasks,real_s,simulated_s\n"data",2,30,[\d.]+\n"after",1,60,[\d.]+\n$/,
  );
});

test('what is no journal, or tells of nothing that has ended, is told', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const damaged = await written('damaged', past());
  const file = join(damaged, 'journal', '0000000000000000.segment');
  const bytes = readFileSync(file);
  bytes.fill(7, 40, 60);
  writeFileSync(file, bytes);
  const core = new CoreHarness();
  core.setSite('home', 1e6);
  core.submit('waits');
  const young = await written('young', core);
  for (const [data, why] of [
    [join(folder, 'nowhere'), /nowhere holds no journal: wanted files that end in \.segment/],
    [empty, /empty holds no journal/],
    ['package.json', /package\.json holds no journal/],
    [damaged, /can't be believed: .*0\.segment is damaged at byte 0/],
    [young, /wanted jobs that have ended, found 1 not ended\./],
  ] as const) {
    expect(() => readReplayed(data)).toThrow(why);
  }
  const told = sim('replay', empty);
  expect(told).toMatchObject({ status: 2, stdout: '' });
  expect(told.stderr).toMatch(/^\S+empty holds no journal: .*\n$/);
});

function sim(...words: readonly string[]) {
  const program = 'dist/sim/bin/punnet-sim.cjs';
  return runToEnd(process.execPath, [program, ...words]);
}

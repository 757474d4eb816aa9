// The demo, at its tiny size, so that it can't rot: it ends well, alone on the machine again, also
// when it is stopped midway, and where the kernel refuses namespaces.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { Network } from '../../lab/network.ts';
import { Program, longTestMs } from '../integration/program.ts';
import { checkBuild, hasNamespaces, root, until } from '../integration/rig.ts';
import { refusingNamespaces, whyNotRefusing } from '../refusing-namespaces.ts';

checkBuild();
/** Why there can be no homes here. */
const missing = Network.missing();
const folder = mkdtempSync(join(tmpdir(), 'punnet-demo-test-'));
chmodSync(folder, 0o711);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(({ skip }) =>
  skip(!existsSync('/usr/bin/tachyon-nox'), 'tachyon-bin-nox is not installed'),
);

/** Starts the demo; all that it writes is in the folder, which marks each of its processes. */
function startDemo(by: readonly string[] = []): Program {
  // Without tsx's own process, which would keep a SIGHUP to itself.
  const words = ['--import', import.meta.resolve('tsx'), join(root, 'demo/main.ts'), '--tiny'];
  const env = { ...process.env, TMPDIR: folder };
  return new Program('demo', words, { env, by: [...by, process.execPath] });
}

/** What runs still of the demo: by its environment, or for tasks, which have none, by their words. */
function leftovers(): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  };
  return pids
    .filter((pid) => `${read(pid, 'environ')} ${read(pid, 'cmdline')}`.includes(folder))
    .map((pid) => `${pid}: ${read(pid, 'cmdline')}`);
}

/** Of a lab that the demo has made. */
function namespacesOf({ pid }: Program): readonly string[] {
  if (missing !== undefined) return [];
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  return listed.split('\n').filter((line) => line.startsWith(`punnet-lab-${pid}-`));
}

function picturePixels(): number {
  // Width and height of a PNG.
  const png = readFileSync(join(folder, 'punnet-picture.png'));
  return png.readUInt32BE(16) * png.readUInt32BE(20);
}

test('it ends well and leaves its picture', { timeout: longTestMs }, async ({ skip }) => {
  skip(!hasNamespaces, 'this machine refuses namespaces');
  const demo = startDemo();
  expect(await demo.ended, demo.tail()).toMatchObject({ code: 0 });
  expect(leftovers()).toEqual([]);
  expect(namespacesOf(demo)).toEqual([]);
  const leftOut = demo.lines.filter((line) => line.startsWith('!!'));
  if (missing === undefined) expect(leftOut).toEqual([]);
  else expect(leftOut[0]).toContain(`Left out, since ${missing}`);
  expect(demo.tail()).toContain('All results are right.');
  expect(readdirSync(folder)).not.toContainEqual(expect.stringMatching(/^punnet-demo-/));
  expect(picturePixels()).toBe(960 * 30);
  // The words may be over before anybody looks.
  expect(demo.lines).toContainEqual(expect.stringMatching(plannedShare));
  // A line carries more than what was needed of it: headers, reports, and the tunnels.
  const carried = demo.lines.filter((line) => /^ +(school|lab): /.test(line));
  expect(carried.length === 0).toBe(missing !== undefined);
  for (const line of carried) {
    expect(line).toMatch(/: [\d.]+ MB for [\d.]+ MB, [\d.]+ times\.$/);
    expect(Number(/([\d.]+) times/.exec(line)?.[1]), line).toBeGreaterThan(1);
  }
  // All three tasks, wherever they went, and what crossed the thin line meanwhile.
  for (const policy of ['ratio', 'least-allocated']) {
    const [time, moved, ...tasks] = rowOf(demo.lines, policy);
    expect([time, moved], policy).toEqual([
      expect.stringMatching(/^[\d.]+ s$/),
      expect.stringMatching(/^[\d.]+ MB$/),
    ]);
    expect(
      tasks.reduce((sum, count) => sum + Number(count), 0),
      policy,
    ).toBe(3);
  }
});

/** Of a plan: a job, its intensity, and how many of its tasks go where. */
const plannedShare = /^(words|picture) +[\d.e-]+ +[\d.]+ of [12] +\d+% +(lab|school) /;

/** Of the table that holds the policies against each other. */
function rowOf(lines: readonly string[], policy: string): readonly string[] {
  const row = lines.find((line) => line.startsWith(`│ ${policy} `)) ?? '';
  return row
    .split('│')
    .slice(2, -1)
    .map((cell) => cell.trim());
}

test('closed while its tasks run, it takes them along', { timeout: longTestMs }, async () => {
  const demo = startDemo();
  // The tasks of the picture take seconds.
  await demo.said('picture.yaml');
  await until('a task', () => Promise.resolve(taskRuns() ? true : undefined));
  if (missing === undefined) {
    expect(namespacesOf(demo)).toHaveLength(6);
    expect(schedulerLog()).toContain('"nats":"tls://[fd12:3456:789a::1]:');
  }
  // What a closed terminal sends; SIGINT stands in the same list.
  demo.signal('SIGHUP');
  expect(await demo.ended, demo.tail()).toMatchObject({ code: 130 });
  expect(leftovers()).toEqual([]);
  expect(namespacesOf(demo)).toEqual([]);
  expect(readdirSync(folder)).not.toContainEqual(expect.stringMatching(/^punnet-demo-/));
});

function schedulerLog(): string {
  const [own = ''] = readdirSync(folder).filter((name) => name.startsWith('punnet-demo-'));
  return readFileSync(join(folder, own, 'scheduler.log'), 'utf8');
}

function taskRuns(): boolean {
  return leftovers().some((line) => line.includes('render.sh'));
}

test(
  'where namespaces are refused, it says so and its results are right',
  { timeout: longTestMs },
  async ({ skip }) => {
    skip(whyNotRefusing !== '', whyNotRefusing);
    const demo = startDemo(refusingNamespaces);
    // The second round has nothing of its own here.
    await demo.said('picture.yaml');
    await demo.said('once more under least-allocated');
    demo.signal('SIGTERM');
    expect(await demo.ended, demo.tail()).toMatchObject({ code: 130 });
    expect(leftovers()).toEqual([]);
    expect(demo.lines[0]).toMatch(/^!! This machine refuses namespaces .* WITHOUT a sandbox/);
    expect(demo.lines).toContainEqual(expect.stringMatching(/^!! Left out, since \S.*OpenVPN/));
    for (const job of ['words', 'picture']) {
      const right = new RegExp(`^${job}: .* the same as`);
      expect(demo.lines).toContainEqual(expect.stringMatching(right));
    }
  },
);

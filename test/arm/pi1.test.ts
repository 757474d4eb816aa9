// The virtual Pi 1, as long as it takes: a volunteer's board of 256 MB, whose kernel has the memory cgroup
// and, as Raspberry Pi OS starts it, has not. It enrols at a scheduler of this machine, and hostile tasks
// end on it as on any node.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Rig, until } from '../integration/rig.ts';
import { buildDebs } from '../tools/debs.ts';
import { makeCard, missing, Pi1 } from './pi1.ts';

const minuteMs = 60_000;
/** Of a boot and all its tasks, on a machine that has other things to do. */
const longMs = 60 * minuteMs;

const whyNone = missing();
const folder = mkdtempSync(join(tmpdir(), 'punnet-pi1-'));
let card = '';
let started: Rig | undefined;

beforeAll(async () => {
  if (whyNone !== undefined) return;
  const { agent } = await buildDebs(folder, '022');
  card = makeCard(folder, agent);
  started = await Rig.start();
}, longMs);
afterAll(async () => {
  await started?.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach((context) => context.skip(whyNone !== undefined, whyNone));

/** A task that tries something, and how it must end. */
interface Trial {
  readonly name: string;
  readonly script: string;
  readonly code: string;
  readonly says?: RegExp;
  readonly timeout?: string;
}

const tries = (commands: readonly string[]): string =>
  [...commands.map((each) => `if ${each}; then exit 3; fi 2>/dev/null`), 'exit 7'].join('\n');

const trials: readonly Trial[] = [
  { name: 'works', script: 'uname -m', code: 'succeeded', says: /^armv6l\n/ },
  {
    name: 'eats memory',
    script: `awk 'BEGIN { x = "aaaaaaaa"; while (1) x = x x }'`,
    code: 'out_of_memory',
  },
  {
    name: 'eats memory in many processes',
    script: `perl -e 'fork for 1..3; $x = "a" x 9000000; sleep 600'`,
    code: 'out_of_memory',
  },
  { name: 'forks without end', script: `perl -e 'fork while 1'`, code: 'timeout', timeout: '20 s' },
  { name: 'fills the disk', script: 'cat /dev/zero > big', code: 'out_of_disk' },
  {
    name: 'looks for what is not its own',
    script: tries([
      'cat /etc/shadow',
      'cat /var/lib/punnet-agent/keys.json',
      'ls /root',
      'echo > /usr/escape',
      'echo > /sys/fs/cgroup/cgroup.procs',
      'unshare -Ur true',
      'mount -t tmpfs none /tmp',
      'grep -v lo: /proc/net/dev | grep :',
    ]),
    code: 'exited',
    says: /^$/,
  },
];

function jobFor({ name, script, timeout = '10 min' }: Trial): string {
  if (started === undefined) throw new Error('there is no scheduler');
  return started.jobFile(script, {
    name: name.replaceAll(' ', '-').replaceAll("'", ''),
    bundles: { armv6l: { file: 'program' } },
    ...{ command: ['/bundle/run.sh'], tasks: { count: 1 }, retries: 0, timeout },
    ...{ memory: '24 MB', disk: '20 MB' },
  });
}

/** Boots, installs and enrols. The first word that it says is waited for longest. */
async function boot(name: string, words: readonly string[]): Promise<Pi1> {
  if (started === undefined) throw new Error('there is no scheduler');
  const rig = started;
  const { secret, url } = await rig.nodeToken({ site: 'attic' });
  const ready = rig.scheduler.lines.find((line) => line.includes('"msg":"ready"')) ?? '';
  const ports = [...ready.matchAll(/"(?:https|nats)":"\w+:\/\/localhost:(\d+)"/g)];
  const pi = new Pi1(card, {
    name,
    memoryMb: 192,
    ports: ports.map(([, port]) => Number(port)),
    words: [
      ...words,
      ...[`punnet.now=${Math.floor(Date.now() / 1000)}`, `punnet.url=${url}`],
      `punnet.token=${secret}`,
    ],
  });
  await pi.says('pi1: installed, status 0', longMs);
  await until(
    'it is healthy',
    async () => {
      const nodes = await rig.listNodes();
      return nodes.some((node) => node.name === name && node.health === 2) || undefined;
    },
    longMs,
  );
  return pi;
}

/** How the only task of a job ended, and what it printed. */
async function endOf(
  rig: Rig,
  file: string,
): Promise<{ code: string; exitCode: number; log: string }> {
  const { jobId } = await rig.submit(file);
  const { endCode, exitCode } = await until(
    `${file} has ended`,
    async () => {
      const [task] = await rig.tasks(jobId);
      return task === undefined || task.endedUnixMs === 0 ? undefined : task;
    },
    longMs,
  );
  return { code: endCode, exitCode, log: (await rig.punnet('logs', jobId, '0')).out };
}

interface Kernel {
  readonly name: string;
  readonly words: readonly string[];
  readonly sandbox: string;
  /** That the group of a task has. */
  readonly memoryMax: string;
}

const kernels: readonly Kernel[] = [
  { name: 'with', words: [], sandbox: 'cgroup-v2', memoryMax: '23998464' },
  {
    name: 'without',
    words: ['cgroup_disable=memory'],
    sandbox: 'cgroup-v2-rlimit',
    memoryMax: 'none',
  },
];

test.each(kernels)(
  'a Pi 1 $name the memory cgroup enrols, works, and holds what is hostile',
  async ({ name, words, sandbox, memoryMax }) => {
    const pi = await boot(name, words);
    try {
      await holdsAll(pi, { name, sandbox, memoryMax });
    } finally {
      await pi.program.kill();
    }
  },
  longMs,
);

async function holdsAll(pi: Pi1, wanted: Omit<Kernel, 'words'>): Promise<void> {
  if (started === undefined) throw new Error('there is no scheduler');
  const rig = started;
  const { sandbox, memoryMax } = wanted;
  const node = (await rig.listNodes()).find(({ name }) => name === wanted.name);
  const architecture = 'armv6l';
  expect(node?.inventory).toMatchObject({ architecture, userland: 'armel', sandbox });
  const ends: unknown[] = [];
  for (const trial of trials) {
    const { code, exitCode, log } = await endOf(rig, jobFor(trial));
    ends.push({ name: trial.name, code, isAsSaid: trial.says?.test(log) ?? true });
    if (code !== trial.code) console.log(`${trial.name}: ${code} ${exitCode}\n${log}`);
  }
  expect(ends).toEqual(trials.map(({ name, code }) => ({ name, code, isAsSaid: true })));

  const nap = await rig.submit(jobFor({ name: 'nap', script: 'exec sleep 12345', code: '' }));
  try {
    await napsOn(pi, memoryMax);
  } finally {
    // The next boot has one slot, too.
    await rig.punnet('cancel', nap.jobId);
  }
  figures(pi);
}

/** In its limits, through a pause and through a new start of the agent. */
async function napsOn(pi: Pi1, memoryMax: Kernel['memoryMax']): Promise<void> {
  const limits = `memory.max ${memoryMax}, pids.max 64`;
  expect(await pi.says('pi1: nap in ', longMs)).toContain(limits);
  await pi.says('pi1: nap frozen', longMs);
  await pi.says('pi1: nap thawed', longMs);
  expect(await pi.says('pi1: nap goes on', longMs)).toContain(limits);
}

/** Of memory there stays what was promised; virtual time is not a Pi's, but grows with the work as a Pi's does. */
function figures(pi: Pi1): void {
  const measured = pi.program.lines.flatMap((line) => {
    const found = /measured: agent (\d+) kB, available (\d+) kB, leases (\d+)/.exec(line);
    if (found === null) return [];
    // The kernel's kB are 1,024 bytes.
    const [, rss, available, leases] = found.map((text) => (Number(text) * 1_024) / 1e6);
    return [{ rss: rss ?? 0, available: available ?? 0, hasTask: leases !== 0 }];
  });
  const rss = Math.max(...measured.map((each) => each.rss));
  // While it starts it has less.
  const idle = measured.filter((each) => !each.hasTask && each.rss > 40);
  const available = Math.min(...idle.map((each) => each.available));
  const [report] = pi.numbers(/a report takes ([\d.]+) ms/);
  console.log(
    `agent at most ${rss.toFixed(1)} MB, ${available.toFixed(1)} MB stay available, a report takes ${report} ms`,
  );
  expect(idle.length).toBeGreaterThan(0);
  expect(rss).toBeLessThan(50);
  expect(available).toBeGreaterThan(130);
  expect(report).toBeLessThan(10);
}

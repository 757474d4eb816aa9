// The demo: two sites of very different uplinks, eight agents, and two real jobs, placed by the plan
// and once more by a rule that looks at CPU and memory alone; everything is checked.
// `npm run demo` installs what is missing and then runs this.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import PQueue from 'p-queue';
import { Federation } from './federation.ts';
import type { Ground } from './ground.ts';
import { thisMachine } from './ground.ts';
import { Homes } from './homes.ts';
import type { Scale } from './jobs.ts';
import { makePictureJob, makeWordsJob } from './jobs.ts';
import { carriedNow, lineTexts } from './lines.ts';
import type { Placements } from './placements.ts';
import { comparisonText, placementsOf } from './placements.ts';
import { runRound } from './round.ts';
import { say } from './say.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

/** A village school on a thin line, and a university lab on a fat one; all of it may be used. */
const sites = [
  { name: 'school', downBps: 2e6, upBps: 1e6 },
  { name: 'lab', downBps: 200e6, upBps: 100e6 },
] as const;
const siteNames = ['school', 'lab'] as const;
/** Of agents that enrol; more take no less time. */
const atOnce = 3;

const policies = ['ratio', 'least-allocated'] as const;

/** How much of everything; `--tiny` is for the tests, so that the demo can't rot. */
const full: Scale = { nodes: 4, strips: 16, shards: 16, shardBytes: 600_000 };
const tiny: Scale = { nodes: 1, strips: 1, shards: 2, shardBytes: 100_000 };

async function main(scale: Scale, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'punnet-demo-'));
  // Tasks run as a user of their own, who must be able to reach their work folders.
  chmodSync(folder, 0o711);
  const isUnsandboxed = !hasNamespaces();
  if (isUnsandboxed) {
    say('!! This machine refuses namespaces (unshare fails): tasks run WITHOUT a sandbox, with');
    say('!! resource limits only. An agent outside this demo refuses tasks here.');
  }
  const federation = new Federation({
    dist,
    folder,
    ground: groundOf(scale, folder, signal),
    isUnsandboxed,
    signal,
  });
  try {
    say(`Starting a scheduler with its nats-server (everything it writes is in ${folder}).`);
    await federation.start(policies[0]);
    await enrolSites(federation, scale.nodes);
    const where = { source: import.meta.dirname, folder };
    const jobs = [
      makeWordsJob({ ...where, texts: join(root, 'node_modules') }, scale),
      makePictureJob(where, scale.strips),
    ];
    const rounds: Placements[] = [];
    for (const policy of policies) {
      if (rounds.length > 0) await startAnew(federation, policy);
      const before = carriedNow(federation, siteNames);
      const round = await runRound(federation, jobs, { policy, folder, signal });
      const placements = await placementsOf(federation, round, siteNames);
      say(['Why tasks were there:', ...placements.reasons].join('\n'));
      const lines = await lineTexts(federation, before, { jobs, placements });
      if (lines.length > 0)
        say(['What lines carried down for what tasks needed:', ...lines].join('\n'));
      rounds.push(placements);
    }
    say(comparisonText(rounds, 'school'));
    say(`All results are right. ${Math.round((performance.now() - started) / 1000)} s in all.`);
  } finally {
    await federation.stop();
    say('Stopped the scheduler, its nats-server and the agents.');
    if (signal.aborted) rmSync(folder, { recursive: true, force: true });
  }
  keepPicture(folder);
}

async function startAnew(federation: Federation, policy: string): Promise<void> {
  say(`\nThe same jobs once more under ${policy}; the nodes forget what they have fetched.`);
  await federation.restart(policy);
  await federation.untilReported();
}

/** Whether a program may make the namespaces that the sandbox is made of. */
function hasNamespaces(): boolean {
  const words = ['--unshare-all', '--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib64', '/lib64'];
  const more = ['--symlink', 'usr/lib', '/lib', '--proc', '/proc', '/usr/bin/true'];
  return spawnSync('bwrap', [...words, ...more]).status === 0;
}

/** Homes with lines of their own where the machine lets us make them. */
function groundOf({ nodes }: Scale, folder: string, signal: AbortSignal): Ground {
  const missing = Homes.missing();
  if (missing === undefined) {
    say(
      'Each site is a home of network namespaces: behind NAT, with a line of its own speed. Nodes',
    );
    say('come by OpenVPN, and nats-server listens at the core of that overlay alone.');
    return new Homes(
      sites.map((site) => ({ ...site, nodes })),
      folder,
      signal,
    );
  }
  say(`!! Left out, since ${missing}: homes behind NAT, lines of their own speed, and OpenVPN.`);
  say(
    '!! Agents reach the scheduler directly (--overlay none), and are told how fast their line is.',
  );
  return thisMachine;
}

async function enrolSites(federation: Federation, nodes: number): Promise<void> {
  const queue = new PQueue({ concurrency: atOnce });
  for (const { name: site, downBps, upBps } of sites) {
    const [down, up] = [megabits(downBps), megabits(upBps)];
    await federation.punnet(
      ...['site', 'set', site, '--down', down, '--up', up, '--share', '100%'],
    );
    const uses = ['--uses', String(nodes), '--output', 'json'];
    const created = await federation.punnet('token', 'create', '--node', '--site', site, ...uses);
    const { url, secret } = JSON.parse(created) as { url: string; secret: string };
    say(`Enrolling ${nodes} agents at site ${site} (${down} down, ${up} up).`);
    const enrol = (node: number) => (): Promise<void> =>
      federation.addNode(`${site}-${node}`, url, secret);
    // The first one measures this machine.
    await enrol(1)();
    await queue.addAll(Array.from({ length: nodes - 1 }, (_, at) => enrol(at + 2)));
  }
  await federation.untilReported();
  say(await federation.punnet('sites'));
  say(
    `The ${sites.length * nodes} agents share the ${availableParallelism()} cores of this machine.\n`,
  );
}

function megabits(bps: number): string {
  return `${bps / 1e6} Mbit/s`;
}

/** The picture stays; all else was for the demo only. */
function keepPicture(folder: string): void {
  const kept = join(tmpdir(), 'punnet-picture.png');
  copyFileSync(join(folder, 'picture.png'), kept);
  rmSync(folder, { recursive: true, force: true });
  say(`The picture is in ${kept}.`);
}

const stopped = new AbortController();
let wasAsked = false;
function end(): void {
  wasAsked = true;
  stopped.abort();
}
// On, not once: one who presses Ctrl-C again would leave tasks behind.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, end);
// A closed terminal takes no more words; what was started is stopped all the same.
process.stdout.on('error', end);
// So it is after a mistake of ours.
process.on('uncaughtException', (error) => stopped.abort(error));
const scale = process.argv.includes('--tiny') ? tiny : full;
main(scale, stopped.signal).catch((error: unknown) => {
  if (wasAsked) process.exit(130);
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

// The demo: two sites of very different uplinks, eight agents, and two real jobs, placed by the plan
// and once more by a rule that looks at CPU and memory alone; everything is checked.
// `npm run demo` installs what is missing and then runs this.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Federation } from './federation.ts';
import type { Scale } from './jobs.ts';
import { makePictureJob, makeWordsJob } from './jobs.ts';
import type { Placements } from './placements.ts';
import { comparisonText, placementsOf } from './placements.ts';
import { runRound } from './round.ts';
import { say } from './say.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

/** A village school on a thin line, and a university lab on a fat one; all of it may be used. */
const sites = [
  { site: 'school', down: '2 Mbit/s', up: '1 Mbit/s' },
  { site: 'lab', down: '200 Mbit/s', up: '100 Mbit/s' },
] as const;

const policies = ['ratio', 'least-allocated'] as const;

/** How much of everything; `--tiny` is for the tests, so that the demo can't rot. */
const full: Scale = { nodes: 4, strips: 16, shards: 16, shardBytes: 1_000_000 };
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
  const federation = new Federation({ dist, folder, isUnsandboxed, signal });
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
      const round = await runRound(federation, jobs, { policy, folder, signal });
      const placements = await placementsOf(federation, round, ['school', 'lab']);
      say(['Why tasks were there:', ...placements.reasons].join('\n'));
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

async function enrolSites(federation: Federation, nodes: number): Promise<void> {
  for (const { site, down, up } of sites) {
    await federation.punnet(
      ...['site', 'set', site, '--down', down, '--up', up, '--share', '100%'],
    );
    const uses = ['--uses', String(nodes), '--output', 'json'];
    const created = await federation.punnet('token', 'create', '--node', '--site', site, ...uses);
    const { url, secret } = JSON.parse(created) as { url: string; secret: string };
    say(`Enrolling ${nodes} agents at site ${site} (${down} down, ${up} up, declared).`);
    for (let node = 1; node <= nodes; node += 1) {
      await federation.addNode(`${site}-${node}`, url, secret);
    }
  }
  await federation.untilReported();
  say(await federation.punnet('sites'));
  say(
    `The ${sites.length * nodes} agents share the ${availableParallelism()} cores of this machine.\n`,
  );
}

/** The picture stays; all else was for the demo only. */
function keepPicture(folder: string): void {
  const kept = join(tmpdir(), 'punnet-picture.png');
  copyFileSync(join(folder, 'picture.png'), kept);
  rmSync(folder, { recursive: true, force: true });
  say(`The picture is in ${kept}.`);
}

const stopped = new AbortController();
// On, not once: one who presses Ctrl-C again would leave tasks behind.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stopped.abort());
}
// A closed terminal takes no more words; what was started is stopped all the same.
process.stdout.on('error', () => stopped.abort());
const scale = process.argv.includes('--tiny') ? tiny : full;
main(scale, stopped.signal).catch((error: unknown) => {
  if (stopped.signal.aborted) process.exit(130);
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

// The demo: two sites of very different uplinks, eight agents, two real jobs, everything checked.
// `npm run demo` installs what is missing and then runs this.

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';

import { stringify } from 'yaml';
import type { Federation } from './federation.ts';
import { startFederation } from './federation.ts';
import * as picture from './picture.ts';
import * as words from './words.ts';

const root = join(import.meta.dirname, '..');
const source = import.meta.dirname;
const dist = join(root, 'dist');

/** A village school on a thin line, and a university lab on a fat one; all of it may be used. */
const sites = [
  { site: 'school', down: '8 Mbit/s', up: '1 Mbit/s', nodes: 4 },
  { site: 'lab', down: '200 Mbit/s', up: '100 Mbit/s', nodes: 4 },
] as const;

async function main(): Promise<void> {
  const started = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'punnet-demo-'));
  // Tasks run as a user of their own, who must be able to reach their work folders.
  chmodSync(folder, 0o711);
  const isUnsandboxed = !hasNamespaces();
  if (isUnsandboxed) {
    say('!! This machine refuses namespaces (unshare fails): tasks run WITHOUT a sandbox, with');
    say('!! resource limits only. An agent outside this demo refuses tasks here.');
  }
  let federation: Federation | undefined;
  const stopEarly = (): void => {
    void (federation?.stop() ?? Promise.resolve()).then(() => process.exit(130));
  };
  process.once('SIGINT', stopEarly);
  process.once('SIGTERM', stopEarly);
  try {
    say(`Starting a scheduler with its nats-server (everything it writes is in ${folder}).`);
    federation = await startFederation(dist, folder, isUnsandboxed);
    await enrolSites(federation);
    const jobs = await submitJobs(federation, folder);
    await watch(federation, jobs);
    await checkPicture(federation, folder);
    await checkWords(federation, folder);
    await showPlacements(federation, jobs);
    say(`All results are right. ${Math.round((Date.now() - started) / 1000)} s in all.`);
  } finally {
    process.removeListener('SIGINT', stopEarly);
    process.removeListener('SIGTERM', stopEarly);
    await federation?.stop();
    say('Stopped the scheduler, its nats-server and the agents.');
  }
  keepPicture(folder);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Whether a program may make the namespaces that the sandbox is made of. */
function hasNamespaces(): boolean {
  const words = ['--unshare-all', '--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib64', '/lib64'];
  const more = ['--symlink', 'usr/lib', '/lib', '--proc', '/proc', '/usr/bin/true'];
  return spawnSync('bwrap', [...words, ...more]).status === 0;
}

async function enrolSites(federation: Federation): Promise<void> {
  for (const { site, down, up, nodes } of sites) {
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
  say(await federation.punnet('sites'));
}

interface DemoJob {
  readonly title: string;
  readonly jobId: string;
}

async function submitJobs(federation: Federation, folder: string): Promise<readonly DemoJob[]> {
  const inputs = join(folder, 'inputs');
  mkdirSync(inputs);
  picture.makePovrayBundle(source, join(inputs, 'povray'));
  copyFileSync(join(source, 'scene.pov'), join(inputs, 'scene.pov'));
  words.makeWordsBundle(source, join(inputs, 'count'));
  words.makeShards(join(root, 'node_modules'), join(inputs, 'shards'));
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const pictureJob = {
    name: 'picture',
    bundles: { [architecture]: { file: 'povray' } },
    command: ['/bundle/bin/render.sh', '{index}'],
    tasks: { count: picture.strips },
    sharedInputs: [{ file: 'scene.pov' }],
    outputs: ['strip.rgb.gz'],
    profile: { work: '6 GHz*s', output: '60 kB' },
    memory: '512 MB',
    timeout: '5 min',
  };
  const wordsJob = {
    name: 'words',
    bundles: { [architecture]: { file: 'count' } },
    command: ['/bundle/bin/count.sh', '{input}'],
    tasks: { inputs: ['shards/*.txt'] },
    outputs: ['counts.txt'],
    profile: { work: '12 GHz*s', output: '100 kB' },
    memory: '256 MB',
    timeout: '5 min',
  };
  const jobs: DemoJob[] = [];
  for (const job of [pictureJob, wordsJob]) {
    const file = join(inputs, `${job.name}.yaml`);
    writeFileSync(file, stringify(job));
    say(`punnet submit ${job.name}.yaml`);
    const submitted = await federation.punnet('submit', file, '--output', 'json');
    const { jobId } = JSON.parse(submitted) as { jobId: string };
    jobs.push({ title: job.name, jobId });
  }
  return jobs;
}

/** Shows both jobs until they have ended; throws when one did not succeed. */
async function watch(federation: Federation, jobs: readonly DemoJob[]): Promise<void> {
  const watchers = jobs.map(
    ({ title, jobId }) =>
      new Promise<void>((resolve, reject) => {
        const cli = [join(dist, 'scheduler/cli/main.js'), 'job', jobId, '--watch'];
        const child = spawn(process.execPath, cli, { env: federation.environment });
        const print = (bytes: Buffer): void => {
          for (const line of bytes.toString().split('\n')) {
            if (line.trim() !== '') say(`  ${title.padEnd(8)} ${line}`);
          }
        };
        child.stdout.on('data', print);
        child.stderr.on('data', print);
        child.once('exit', (code) => {
          if (code === 0) resolve();
          else reject(new Error(`job ${title} did not succeed (punnet job ended with ${code})`));
        });
      }),
  );
  await Promise.all(watchers);
}

async function fetchJob(federation: Federation, name: string, folder: string): Promise<string> {
  const target = join(folder, `fetched-${name}`);
  await federation.punnet('fetch', name, '--to', target);
  return target;
}

/** The named output of each task, in the order of the tasks. */
function filesOf(folder: string, output: string): readonly string[] {
  const indexes = readdirSync(folder)
    .map(Number)
    .sort((a, b) => a - b);
  return indexes.map((index) => join(folder, String(index), output));
}

async function checkPicture(federation: Federation, folder: string): Promise<void> {
  const target = await fetchJob(federation, 'picture', folder);
  const pixels = picture.joinStrips(filesOf(target, 'strip.rgb.gz'));
  picture.writePng(join(folder, 'picture.png'), pixels);
  const direct = picture.renderDirectly(source, folder);
  if (!pixels.equals(direct)) throw new Error('the picture differs from the one rendered here');
  say(`picture: ${pixels.length} bytes of pixels, the same as rendered here in one piece.`);
}

async function checkWords(federation: Federation, folder: string): Promise<void> {
  const target = await fetchJob(federation, 'words', folder);
  const counts = words.addCounts(filesOf(target, 'counts.txt'));
  const direct = words.countDirectly(join(folder, 'inputs/shards'));
  const isSame = counts.size === direct.size;
  if (!isSame || [...direct].some(([word, count]) => counts.get(word) !== count)) {
    throw new Error('the word counts differ from those counted here');
  }
  const top = [...direct].sort((a, b) => b[1] - a[1]).slice(0, 5);
  const list = top.map(([word, count]) => `${word} ${count}`).join(', ');
  say(`words: ${counts.size} different words, the same as counted here. Most frequent: ${list}.`);
}

interface TaskRow {
  readonly nodeName: string;
  readonly siteId: string;
  readonly placement: string;
}

async function showPlacements(federation: Federation, jobs: readonly DemoJob[]): Promise<void> {
  const table = new Table({ head: ['site', 'node', ...jobs.map((job) => job.title)] });
  const counts = new Map<string, number[]>();
  const examples: string[] = [];
  for (const [column, job] of jobs.entries()) {
    const listed = await federation.punnet('tasks', job.jobId, '--output', 'json');
    const { tasks } = JSON.parse(listed) as { tasks: readonly TaskRow[] };
    for (const { site } of sites) {
      const there = tasks.filter((task) => task.siteId === site);
      const why = there.at(-1)?.placement;
      const text = `${job.title} at ${site}: ${there.length} of ${tasks.length} tasks`;
      examples.push(why === undefined ? text : `${text}; the last because: ${why}`);
    }
    for (const { siteId, nodeName } of tasks) {
      const key = `${siteId}\n${nodeName}`;
      const row = counts.get(key) ?? jobs.map(() => 0);
      row[column] = (row[column] ?? 0) + 1;
      counts.set(key, row);
    }
  }
  for (const [key, row] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    table.push([...key.split('\n'), ...row]);
  }
  say('Who ran how many tasks, and why there:');
  say(table.toString());
  for (const example of examples) say(`  ${example}`);
}

/** The picture stays; all else was for the demo only. */
function keepPicture(folder: string): void {
  const kept = join(tmpdir(), 'punnet-picture.png');
  copyFileSync(join(folder, 'picture.png'), kept);
  rmSync(folder, { recursive: true, force: true });
  say(`The picture is in ${kept}.`);
}

main().catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

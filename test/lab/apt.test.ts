// Three Pis of one site with real agents, tunnels, scheduler and apt: `apt-get` of all of them costs the line one copy of each
// package, a Pi whose bytes are wrong spoils nothing, and apt works without the scheduler.

import { randomFillSync } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { coreAddress } from '../../lab/layout.ts';
import { up } from '../../lab/overlay.ts';
import { Network } from '../../lab/network.ts';
import { Space } from '../../lab/space.ts';
import {
  makeRepository,
  packageNames,
  repositoryPath,
  type Repository,
} from '../agent/apt/apt-rig.ts';
import { OverlayRig } from '../integration/overlay-rig.ts';
import { longTestMs, type Program } from '../integration/program.ts';
import { root, until, type Ran } from '../integration/rig.ts';

const missing = Network.missing();
const isShort = process.env['PUNNET_LONG_TESTS'] === undefined;
const siteName = 'school';
const nodes = [1, 2, 3].map((at) => `${siteName}-${at}`);
const packageBytes = 3_000_000;
/** Of the whole internet, as a mirror must be, and nobody's in the lab. */
const mirrorAddress = '192.0.9.1';
/** TCP, IP, and what is said of it: over the bare size. */
const copyMost = 1.12;

let rig: OverlayRig | undefined;

beforeEach((context) => {
  context.skip(missing !== undefined, missing);
  context.skip(isShort, 'npm run test:lab runs it');
});
afterEach(async (context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(`${rig?.logs()}\n`);
  await rig?.stop();
  rig = undefined;
});

/** A folder as a web server, which says each path that it is asked for. */
const serverText = `
const { createServer } = require('node:http');
const { createReadStream, existsSync, statSync } = require('node:fs');
const [folder, address] = process.argv.slice(1);
createServer((request, response) => {
  const path = decodeURIComponent(request.url);
  console.log('asked ' + path);
  const file = folder + path.slice(${repositoryPath.length});
  if (!existsSync(file)) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-length': statSync(file).size });
  createReadStream(file).pipe(response);
}).listen(80, address, () => console.log('ready'));
`;

async function startMirror(here: OverlayRig, repository: Repository): Promise<Program> {
  const { core } = here.network;
  core.configure('ip', [`addr add ${mirrorAddress}/32 dev eth0`]);
  const internet = new Space(core.name.replace(/core$/, 'internet'));
  internet.configure('ip', [`route add ${mirrorAddress}/32 via ${coreAddress}`]);
  const words = ['node', '-e', serverText, repository.folder, mirrorAddress];
  const mirror = here.run('mirror', core, words);
  await mirror.said('ready');
  return mirror;
}

/** A Pi with an /etc and an apt of its own, in its home. */
class AptPi {
  readonly name: string;
  readonly #rig: OverlayRig;
  readonly #folder: string;

  constructor(here: OverlayRig, name: string, { keyFile }: Repository) {
    this.name = name;
    this.#rig = here;
    this.#folder = join(here.folder, `root-of-${name}`);
    cpSync('/etc', this.#etc, { recursive: true, verbatimSymlinks: true });
    for (const folder of ['lib/lists/partial', 'cache/archives/partial', 'dpkg/updates']) {
      mkdirSync(join(this.#folder, folder), { recursive: true });
    }
    writeFileSync(join(this.#folder, 'dpkg/status'), '');
    for (const folder of ['apt.conf.d', 'sources.list.d']) {
      rmSync(join(this.#etc, 'apt', folder), { recursive: true, force: true });
      mkdirSync(join(this.#etc, 'apt', folder));
    }
    const source = `deb [arch=all signed-by=${keyFile}] http://${mirrorAddress}${repositoryPath} stable main\n`;
    writeFileSync(join(this.#etc, 'apt/sources.list'), source);
    const conf = 'APT::Sandbox::User "root";\nAcquire::Languages "none";\n';
    writeFileSync(join(this.#etc, 'apt/apt.conf.d/00lab'), conf);
    chmodSync(this.#folder, 0o755);
  }

  get #etc(): string {
    return join(this.#folder, 'etc');
  }

  get snippets(): readonly string[] {
    return readdirSync(join(this.#etc, 'apt/apt.conf.d'));
  }

  /** A program that sees them where they are on a Pi. */
  #words(words: readonly string[]): readonly string[] {
    const mounts = [
      [this.#etc, '/etc'],
      [join(this.#folder, 'lib'), '/var/lib/apt'],
      [join(this.#folder, 'cache'), '/var/cache/apt'],
      [join(this.#folder, 'dpkg'), '/var/lib/dpkg'],
    ].map((pair) => `mount --bind ${pair.join(' ')}`);
    const script = [...mounts, 'exec "$@"'].join(' && ');
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', ...words];
  }

  call(...words: readonly string[]): Promise<Ran> {
    return this.#rig.call(this.#rig.network.node(this.name), this.#words(words));
  }

  start(): Program {
    const program = join(root, 'dist/punnet-agent.cjs');
    const words = ['node', program, 'run', '--state', this.#rig.stateOf(this.name)];
    const all = this.#words([...words, '--allow-unsandboxed']);
    return this.#rig.run(`agent of ${this.name}`, this.#rig.network.node(this.name), all);
  }

  punnet(...words: readonly string[]): Promise<Ran> {
    const program = join(root, 'dist/punnet-agent.cjs');
    return this.call('node', program, ...words, '--state', this.#rig.stateOf(this.name));
  }

  /** Its packages, by apt-get, and whether they are the right ones. */
  async download(repository: Repository): Promise<string> {
    const { code, out, err } = await this.call('apt-get', '-qy', 'install', '-d', ...packageNames);
    if (code !== 0) return `${out}${err}`;
    const sums = packageNames.map((name) => {
      const file = repository.debOf(name).path.replace('pool/', '/var/cache/apt/archives/');
      return `${repository.debOf(name).sha256}  ${file}`;
    });
    const checked = await this.call('sh', '-c', `echo "${sums.join('\n')}" | sha256sum -c`);
    return checked.code === 0 ? 'right' : checked.out;
  }

  clean(): Promise<Ran> {
    return this.call('apt-get', 'clean');
  }

  /** Makes the bytes of each package wrong that its agent gives to others. */
  spoil(repository: Repository): void {
    for (const name of packageNames) {
      const { sha256, bytes } = repository.debOf(name);
      writeFileSync(
        join(this.#rig.stateOf(this.name), 'blobs', sha256),
        Buffer.alloc(bytes.length),
      );
    }
  }

  /** Its agent has no package of these any more. */
  forget(repository: Repository): void {
    for (const name of packageNames) {
      rmSync(join(this.#rig.stateOf(this.name), 'blobs', repository.debOf(name).sha256));
    }
  }
}

async function enter(
  here: OverlayRig,
  pi: AptPi,
  token: Awaited<ReturnType<OverlayRig['nodeToken']>>,
) {
  await here.enrol(pi.name, token);
  await here.tunnel(pi.name).said(up);
  const on = await pi.punnet('limits', '--apt', 'on');
  expect(on.err).toBe('');
  await pi.start().said('"event":"started"');
  await until(`${pi.name} asks the agent`, async () => {
    const { out } = await pi.punnet('status');
    return /: connected\.[^]*apt asks for packages/.test(out) ? true : undefined;
  });
  expect((await pi.call('apt-get', '-q', 'update')).code).toBe(0);
}

test(
  'packages of all cross the line once, whoever lies and whatever is away',
  async () => {
    const line = { downBps: 20e6, upBps: 4e6 };
    rig = await OverlayRig.start(['main=CORE:1194'], [{ name: siteName, nodes: 3, ...line }]);
    const here = rig;
    const repository = makeRepository(join(here.folder, 'repository'), () =>
      randomFillSync(Buffer.alloc(packageBytes)),
    );
    const mirror = await startMirror(here, repository);
    const debs = (): number => mirror.lines.filter((said) => said.endsWith('.deb')).length;
    await here.punnet(
      'site',
      'set',
      siteName,
      '--down',
      '20 Mbit/s',
      '--up',
      '4 Mbit/s',
      '--share',
      '100%',
    );
    const token = await here.nodeToken(3, siteName);
    const pis = nodes.map((name) => new AptPi(here, name, repository));
    for (const pi of pis) await enter(here, pi, token);
    // An agent looks every two seconds whether its bus is there.
    await sleep(2_500);

    const carried = (): number => here.network.carried(siteName).receivedBytes;
    const before = carried();
    expect(await Promise.all(pis.map((pi) => pi.download(repository)))).toEqual(
      pis.map(() => 'right'),
    );
    const copies = (carried() - before) / (packageNames.length * packageBytes);
    process.stderr.write(`the line carried ${copies.toFixed(3)} copies for three\n`);
    expect(debs()).toBe(packageNames.length);
    expect(copies).toBeLessThan(copyMost);

    const [liar, second, last] = pis;
    if (liar === undefined || second === undefined || last === undefined) throw new Error('no Pis');
    liar.spoil(repository);
    second.spoil(repository);
    last.forget(repository);
    await last.clean();
    expect(await last.download(repository)).toBe('right');
    expect(debs()).toBeLessThanOrEqual(2 * packageNames.length);

    await here.scheduler.kill('SIGKILL');
    last.forget(repository);
    await last.clean();
    expect(await last.download(repository)).toBe('right');

    expect((await last.punnet('doctor')).out).toMatch(/ok +apt +asks the agent/);
    expect((await last.punnet('limits', '--apt', 'off')).code).toBe(0);
    expect(last.snippets).toEqual(['00lab']);
    await last.clean();
    expect(await last.download(repository)).toBe('right');
  },
  longTestMs,
);

// A node's network namespace and everything else it can reach, in another: its home's LAN, the federation and the
// internet, each with a web server; and a program in the node that runs attempts with internet in real sandboxes.

import { execFileSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Exit, InternetUse } from '../../../agent/core/index.ts';
import { reapWithUs } from '../../../lab/reaper.ts';
import { Space } from '../../../lab/space.ts';
import { bundleInto } from '../../bundle-into.ts';

/** A user that has nothing on this machine, as the agent's. */
const plainUid = 65_432;
/** Of the whole internet, and nobody's in here. */
export const publicAddress = '192.0.9.1';
export const publicAddress6 = '2a0f:ffff::1';
export const coreAddress = '192.0.9.99';
/** Where the world has a server, and a task may not go. */
export const nearAddresses = {
  router: '192.168.7.1',
  'a LAN with public addresses': '193.0.5.1',
  'a LAN of IPv6': '2a0e:1111:2222:1::1',
  'another LAN of the home': '2a0e:1111:2222:2::1',
  'the overlay': 'fd12:3456:789a::1',
  'a carrier': '100.64.0.1',
  'metadata of a cloud': '169.254.169.254',
  'the core in public': coreAddress,
  'the router on its line': '192.0.9.77',
} as const;

const names = {
  'public.test': [publicAddress, publicAddress6],
  'lan.test': [nearAddresses.router],
  'lan6.test': [nearAddresses['a LAN of IPv6']],
  'loopback.test': ['127.0.0.1', '::1'],
  'mixed.test': [nearAddresses.router, publicAddress],
  'core.test': [coreAddress],
};

/** Serves on ports 80 and 443 who was reached, /big?bytes=N, /slow, /to?URL; and names on port 53. */
const worldText = `
const http = require('node:http'), dgram = require('node:dgram');
const names = JSON.parse(process.argv[1]);
const packed = (address) => address.includes(':')
  ? Buffer.from((() => { const [a, b = ''] = address.split('::').map((half) => half.split(':').filter(Boolean));
      return [...a, ...Array(8 - a.length - b.length).fill('0'), ...b].map((g) => g.padStart(4, '0')).join(''); })(), 'hex')
  : Buffer.from(address.split('.').map(Number));
const answer = (question) => {
  let at = 12; const labels = [];
  while (question[at] !== 0) { labels.push(question.toString('latin1', at + 1, at + 1 + question[at])); at += question[at] + 1; }
  const type = question.readUInt16BE(at + 1), end = at + 5;
  const found = names[labels.join('.').toLowerCase()];
  const right = (found ?? []).filter((each) => each.includes(':') === (type === 28));
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(right.length, 6); head.writeUInt32BE(0, 8);
  const records = right.map((each) => { const data = packed(each);
    return Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]), data]); });
  return Buffer.concat([head, question.subarray(12, end), ...records]);
};
const dns = dgram.createSocket('udp4').on('message', (question, from) => dns.send(answer(question), from.port, from.address)).bind(53);
const serve = (request, response) => {
  const url = new URL(request.url, 'http://x');
  if (url.pathname === '/to') return void response.writeHead(302, { location: decodeURIComponent(url.search.slice(1)) }).end();
  if (url.pathname === '/big') return void response.end(Buffer.alloc(Number(url.searchParams.get('bytes'))));
  if (url.pathname === '/slow') return void response.write('begun ');
  request.resume().on('end', () => response.end('reached ' + request.socket.localAddress.replace('::ffff:', '')));
};
// Who has only said all is answered: one that has gone is waited for too.
const patient = () => Object.assign(http.createServer(serve), { httpAllowHalfOpen: true });
patient().listen(80, '::', () => patient().listen(443, '::', () => console.log('ready')));
`;

/** The agent's part: reads attempts as lines of JSON, runs them, and says how each has ended. */
const nodeText = `
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { createServer } from 'node:http';
import { TaskProxies } from './agent/adapters/internet/task-proxies.ts';
import { UplinkPacer } from './agent/adapters/blobs/uplink-pacer.ts';
import { Sandbox } from './agent/adapters/sandbox/sandbox.ts';
const [stateFolder, shim] = process.argv.slice(2);
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
let closed = null, bytes = 0;
const make = () => new TaskProxies({
  closed: () => closed, pacer: new UplinkPacer(() => null, () => undefined), carried: (count) => (bytes += count),
  federationHosts: () => ['${coreAddress}'], ownAddress: async () => '${nearAddresses['the router on its line']}', isInOverlay: () => false, guessedRate: () => null, nowMs: () => performance.now(),
});
let proxies = make();
const sandbox = new Sandbox({ stateFolder, shimCommand: [process.execPath, shim] });
sandbox.onExit((leaseId, exit) => say({ ended: leaseId, exit, log: sandbox.logTail(leaseId), bytes }));
// Something of the node's own, such as an agent's port.
createServer((_, response) => response.end('reached the node')).listen(8080, '::');
const unlimited = { maxBytes: 0, downBps: 0, upBps: 0 };
const act = async ({ leaseId, script, internetBytes, use = unlimited, doing, why }) => {
  const folder = sandbox.folderOf(leaseId ?? 0);
  if (doing === 'close') { closed = why; proxies.look(); return; }
  if (doing === 'restart') { proxies.stop(); proxies = make(); await proxies.open(leaseId, use, folder); return say({ ended: 'restart' }); }
  if (doing === 'leave') return proxies.stop();
  const spec = {
    leaseId, command: ['/bin/sh', '-c', script], environment: {}, bundlePath: stateFolder + '/bundle', isRootFileSystem: false,
    checkpointPath: null, hasSocket: false, workPath: join(folder, 'work'), timeoutMs: 120_000, memoryBytes: 256 << 20,
    diskBytes: 16 << 20, maxProcesses: 64, internetBytes,
  };
  await sandbox.selfTest();
  const { mkdirSync } = await import('node:fs');
  mkdirSync(folder, { recursive: true });
  await proxies.open(leaseId, use, folder);
  await sandbox.stage(spec);
  await sandbox.start(leaseId);
  say({ started: leaseId });
};
createInterface(process.stdin).on('line', (line) => act(JSON.parse(line)).catch((error) => say({ problem: String(error.stack) })))
  .on('close', () => process.exit());
say({ ended: 'start' });
`;

export interface Ended {
  readonly exit: Exit;
  /** What the task has printed. */
  readonly log: string;
  /** That the owner's pacer has seen since the start. */
  readonly bytes: number;
}

export interface Limits {
  /** That end it; 0: none do. */
  readonly internetBytes?: number;
  /** Of a replica. */
  readonly use?: InternetUse;
}

export interface Begun {
  readonly leaseId: number;
  readonly ended: Promise<Ended>;
}

export class HomeAndWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-internet-'));
  readonly node: Space;
  readonly #world: Space;
  readonly #callOffReaper: () => void;
  readonly #children: ChildProcess[] = [];
  readonly #waiting = new Map<string, (ended: Ended) => void>();
  #agent: ChildProcess | null = null;
  #leases = 0;

  constructor() {
    const name = `punnet-way-${process.pid}`;
    this.#callOffReaper = reapWithUs(`${name}-`);
    [this.node, this.#world] = ['node', 'world'].map((each) => {
      const space = new Space(`${name}-${each}`);
      execFileSync('ip', ['netns', 'add', space.name]);
      return space;
    }) as [Space, Space];
    const ends = ['eth0', 'netns', this.node.name, 'type', 'veth', 'peer', 'name', 'lan'];
    execFileSync('ip', ['link', 'add', ...ends, 'netns', this.#world.name]);
    const own = [publicAddress, publicAddress6, ...Object.values(nearAddresses).slice(3)];
    this.#world.configure('ip', [
      ...['link set lo up', 'link set lan up', 'addr add 192.168.7.1/24 dev lan'],
      ...['addr add 193.0.5.1/24 dev lan', 'addr add 2a0e:1111:2222:1::1/64 dev lan nodad'],
      ...own.map((each) => `addr add ${each}/${each.includes(':') ? '128' : '32'} dev lo`),
    ]);
    this.node.configure('ip', [
      ...['link set lo up', 'link set eth0 up', 'addr add 192.168.7.2/24 dev eth0'],
      ...['addr add 193.0.5.2/24 dev eth0', 'addr add 2a0e:1111:2222:1::2/64 dev eth0 nodad'],
      'route add default via 192.168.7.1',
      'route add ::/0 via 2a0e:1111:2222:1::1',
    ]);
  }

  async start(): Promise<void> {
    const world = this.#world.spawn([process.execPath, '-e', worldText, JSON.stringify(names)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(world);
    await new Promise((resolve) => world.stdout?.once('data', resolve));
    mkdirSync(join(this.folder, 'state/bundle'), { recursive: true });
    const program = bundleInto(this.folder, 'node.mjs', nodeText);
    const entry = `import { runShim } from './agent/adapters/sandbox/shim.ts'; await runShim(); process.exit(0);`;
    const shim = bundleInto(this.folder, 'shim.mjs', entry);
    const nameServers = join(this.folder, 'resolv.conf');
    // Of the home that it came from.
    writeFileSync(nameServers, 'nameserver 192.168.7.200\n');
    for (const path of ['', 'state', 'state/bundle']) {
      chownSync(join(this.folder, path), plainUid, plainUid);
      chmodSync(join(this.folder, path), 0o755);
    }
    const become = ['setpriv', `--reuid=${plainUid}`, `--regid=${plainUid}`, '--clear-groups'];
    // As systemd starts the agent.
    const bound = ['--bounding-set=-all', '--no-new-privs'];
    const script = `mount --bind ${join(this.folder, 'resolv.conf')} /etc/resolv.conf && exec "$@"`;
    const own = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
    const words = [...own, ...become, ...bound, process.execPath, program];
    const agent = this.node.spawn([...words, join(this.folder, 'state'), shim], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#agent = agent;
    this.#children.push(agent);
    const started = this.#next('ended start');
    if (agent.stdout !== null) createInterface(agent.stdout).on('line', (line) => this.#hear(line));
    await started;
    writeFileSync(nameServers, 'nameserver 192.168.7.1\n');
  }

  /** Runs a script in a sandbox with internet, to its end. */
  async run(script: string, limits: Limits = {}): Promise<Ended> {
    return (await this.begin(script, limits)).ended;
  }

  /** Resolves when it has started. */
  async begin(script: string, { internetBytes = 0, use }: Limits = {}): Promise<Begun> {
    this.#leases += 1;
    const leaseId = this.#leases;
    const ended = this.#next(`ended ${leaseId}`);
    const started = this.#next(`started ${leaseId}`);
    this.#tell({ leaseId, script, internetBytes, use });
    await started;
    return { leaseId, ended };
  }

  /** Whether anything may go; null: it may. */
  close(why: string | null): void {
    this.#tell({ doing: 'close', why });
  }

  /** The agent's proxies go. */
  leave(): void {
    this.#tell({ doing: 'leave' });
  }

  /** Another agent has the attempt. */
  async restart(leaseId: number): Promise<void> {
    const done = this.#next('ended restart');
    this.#tell({ doing: 'restart', leaseId });
    await done;
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    const left = (): readonly number[] => [this.node, this.#world].flatMap(({ pids }) => pids);
    while (left().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const { name } of [this.node, this.#world]) execFileSync('ip', ['netns', 'delete', name]);
    this.#callOffReaper();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #next(key: string): Promise<Ended> {
    return new Promise((resolve) => this.#waiting.set(key, resolve));
  }

  #tell(words: object): void {
    this.#agent?.stdin?.write(`${JSON.stringify(words)}\n`);
  }

  #hear(line: string): void {
    const said = JSON.parse(line) as Ended & { ended?: number | string; started?: number };
    // A shim that ends at once may have said so first.
    const key = said.started === undefined ? `ended ${said.ended}` : `started ${said.started}`;
    if (said.ended === undefined && said.started === undefined) throw new Error(line);
    this.#waiting.get(key)?.(said);
  }
}

// A federation whose nodes come by tunnels: a scheduler and its OpenVPN server at a lab's core, real
// agents and OpenVPN clients in homes behind NAT.

import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { coreAddress as coreAtHome } from '../../lab/layout.ts';
import type { SiteSpec } from '../../lab/layout.ts';
import { Network } from '../../lab/network.ts';
import { overlayPrefix, prepareCore, up } from '../../lab/overlay.ts';
import type { Space } from '../../lab/space.ts';
import { Program, patienceMs } from './program.ts';
import type { Ran } from './rig.ts';
import { checkBuild, hasNamespaces, root } from './rig.ts';

const dist = join(root, 'dist');
const line = { downBps: 20_000_000, upBps: 4_000_000 };
const twoHomes: readonly SiteSpec[] = ['one', 'two'].map((name) => ({ name, nodes: 1, ...line }));

/** What a volunteer is sent. */
export interface NodeToken {
  readonly secret: string;
  readonly url: string;
}

export interface SchedulerChanges {
  /** Another program than the built one. */
  readonly scheduler?: string;
  /** More words for it. */
  readonly more?: readonly string[];
}

export class OverlayRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-overlay-'));
  readonly data = join(this.folder, 'scheduler');
  readonly network: Network;
  #scheduler: Program | undefined;
  #schedulerWords: readonly string[] = [];
  #server: Program | undefined;
  readonly #programs: Program[] = [];
  readonly #env = { ...process.env, XDG_CONFIG_HOME: join(this.folder, 'config') };

  private constructor(network: Network) {
    this.network = network;
    chmodSync(this.folder, 0o711);
  }

  /** Homes, `one` and `two` with a node each if nobody says which, and a core whose scheduler and
   * OpenVPN servers are ready. */
  static async start(
    servers: readonly string[],
    homes = twoHomes,
    changes: SchedulerChanges = {},
  ): Promise<OverlayRig> {
    checkBuild();
    const rig = new OverlayRig(Network.create(homes));
    try {
      await rig.#startCore(servers, changes);
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  async #startCore(
    servers: readonly string[],
    { scheduler = join(dist, 'bin/punnet-scheduler.cjs'), more = [] }: SchedulerChanges,
  ): Promise<void> {
    const { core } = this.network;
    const words = ['--data', this.data, '--prefix', `${overlayPrefix}::/48`];
    const flags = servers.flatMap((server) => ['--server', server.replace('CORE', coreAtHome)]);
    await this.punnet('overlay', 'init', ...words, ...flags);
    const overlay = join(this.data, 'overlay');
    prepareCore(core, overlay);
    for (const server of servers) await this.startServer(server.split('=')[0] ?? '');
    const ports = ['--grpc-port', '0', '--https-port', '0', '--metrics-port', '0'];
    const where = ['--listen', coreAtHome, '--name', coreAtHome, '--overlay', overlay];
    this.#schedulerWords = ['node', scheduler, '--data', this.data, ...ports, ...where, ...more];
    await this.startScheduler();
    await this.punnet('context', 'add', join(this.data, 'operator.context'));
  }

  /** Again, when it has ended: its ports are the same. */
  async startScheduler(): Promise<void> {
    this.#scheduler = this.run('scheduler', this.network.core, this.#schedulerWords);
    await this.#scheduler.said('"msg":"ready"');
  }

  async startServer(name: string): Promise<Program> {
    const conf = join(this.data, 'overlay', name, 'server.conf');
    const program = this.run(name, this.network.core, ['openvpn', '--config', conf]);
    await program.said(up);
    this.#server ??= program;
    return program;
  }

  get scheduler(): Program {
    if (this.#scheduler === undefined) throw new Error('no scheduler was started');
    return this.#scheduler;
  }

  natsPid(): number {
    return Number(readFileSync(join(this.data, 'nats/nats-server.pid'), 'utf8'));
  }

  /** The first OpenVPN server. */
  get server(): Program {
    if (this.#server === undefined) throw new Error('no OpenVPN server was started');
    return this.#server;
  }

  /** Starts a program in a namespace; stop() ends it. */
  run(name: string, space: Space, words: readonly string[]): Program {
    const program = new Program(name, words, { by: space.entry, env: this.#env });
    this.#programs.push(program);
    return program;
  }

  /** The CLI at the core, to its end. Throws with its words when it fails. */
  async punnet(...words: readonly string[]): Promise<string> {
    const cli = ['node', join(dist, 'punnet.cjs'), ...words];
    const { code, out, err } = await this.call(this.network.core, cli);
    if (code !== 0) throw new Error(`punnet ${words.join(' ')}: ${err}${out}`);
    return out;
  }

  call(space: Space, words: readonly string[]): Promise<Ran> {
    const [program = '', ...rest] = [...space.entry, ...words];
    return new Promise((resolve) => {
      execFile(program, rest, { env: this.#env, timeout: patienceMs }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
      );
    });
  }

  stateOf(name: string): string {
    return join(this.folder, name);
  }

  /** A token for so many nodes, of a site or of one of its own each. */
  async nodeToken(uses = 1, site?: string): Promise<NodeToken> {
    const of = site === undefined ? [] : ['--site', site];
    const words = ['token', 'create', '--node', '--uses', String(uses), ...of, '--output', 'json'];
    // The CLI wrote it.
    return JSON.parse(await this.punnet(...words)) as NodeToken;
  }

  /** Enrols the node of this name, by a token of its own if nobody gives one. What its agent said. */
  async enrol(name: string, token?: NodeToken): Promise<string> {
    const { secret, url } = token ?? (await this.nodeToken());
    lendStock(this.stateOf(name));
    const agent = ['node', join(dist, 'punnet-agent.cjs'), 'enrol', url, secret];
    const words = [...agent, '--state', this.stateOf(name), '--name', name];
    const { code, out, err } = await this.call(this.network.node(name), words);
    if (code !== 0) throw new Error(`${name} was not enrolled: ${err}`);
    return out;
  }

  /** Enrols a node, and starts its tunnel and its agent. */
  async join(name: string, token?: NodeToken): Promise<Program> {
    await this.enrol(name, token);
    await this.tunnel(name).said(up);
    return this.agent(name);
  }

  /** Submits a job whose tasks take so long, and each write their index. */
  async submitSleepers(name: string, count: number, seconds: number): Promise<void> {
    const folder = join(this.folder, name);
    mkdirSync(join(folder, 'program'), { recursive: true });
    const script = `#!/bin/sh\nsleep ${seconds}\necho "task $1" > out.txt\n`;
    writeFileSync(join(folder, 'program/run.sh'), script, { mode: 0o755 });
    const spec = {
      name,
      bundles: { x86_64: { file: 'program' } },
      command: ['/bundle/run.sh', '{index}'],
      tasks: { count },
      outputs: ['out.txt'],
      retries: 0,
      profile: { work: `${1.2 * seconds} GHz*s`, output: '1 kB' },
    };
    writeFileSync(join(folder, 'job.yaml'), stringify(spec));
    await this.punnet('submit', join(folder, 'job.yaml'));
  }

  /** The node's tunnel, by the profile that it got, and changes to that; on another machine for a clone. */
  tunnel(name: string, changes: readonly string[] = [], machine = name): Program {
    const conf = join(this.stateOf(name), 'overlay/client.conf');
    const words = ['openvpn', '--config', conf, ...changes];
    return this.run(`tunnel of ${name}`, this.network.node(machine), words);
  }

  agent(name: string, machine = name): Program {
    const flags = hasNamespaces ? [] : ['--allow-unsandboxed'];
    const { environment, options } = asTheUnitStartsIt();
    const agent = [
      ...options,
      join(dist, 'punnet-agent.cjs'),
      'run',
      '--state',
      this.stateOf(name),
    ];
    const words = ['env', ...environment, 'node', ...agent, ...flags];
    return this.run(`agent of ${name}`, this.network.node(machine), words);
  }

  /** The address in a node's profile. */
  addressOf(name: string): string {
    const conf = readFileSync(join(this.stateOf(name), 'overlay/client.conf'), 'utf8');
    return /accept "ifconfig-ipv6 ([0-9a-f:]+)\/64/.exec(conf)?.[1] ?? '';
  }

  async stop(): Promise<void> {
    for (const program of this.#programs.toReversed()) await program.kill('SIGTERM');
    await this.network.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  logs(): string {
    return this.#programs.map((each) => `--- ${each.name}\n${each.tail()}`).join('\n');
  }
}

/** What the agent's package gives it beside its program; what memory it takes depends on that. */
function asTheUnitStartsIt() {
  const packaged = join(root, 'deploy/debian/punnet-agent');
  const unit = readFileSync(join(packaged, 'punnet-agent.service'), 'utf8');
  const script = readFileSync(join(packaged, 'start-agent.sh'), 'utf8');
  const environment = /^Environment=(.+)$/m.exec(unit)?.[1]?.split(' ');
  const options = /^set -- (--.+) "\$program" run/m.exec(script)?.[1]?.split(' ');
  if (environment === undefined || options === undefined) {
    throw new Error(`${packaged}: wanted Environment= and node's options, found them no more`);
  }
  return { environment, options };
}

/** Measuring this machine takes seconds, and is no part of what is tested. */
function lendStock(state: string): void {
  mkdirSync(state, { recursive: true, mode: 0o711 });
  const stock = {
    ...{ architecture: 'x86_64', userland: 'amd64', model: 'lab', slots: 1, speedGhz: 1.2 },
    ...{ memoryBytes: 1e9, diskBytes: 1e10, agentVersion: '0.1.0', sandbox: '' },
    ...{ nodeVersion: process.versions.node, lan: '192.168.1.0/24' },
  };
  writeFileSync(join(state, 'inventory.json'), JSON.stringify(stock));
}

// A federation of real processes for tests: the built scheduler with its nats-server, real agents,
// the real CLI. Everything it starts is stopped by its pid; its folder is removed.

import { execFile, spawnSync } from 'node:child_process';
import type { ExecFileException } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { StateFolder } from '../../agent/adapters/state/state-folder.ts';
import type { Job, Task } from '../../proto/gen/punnet/v1/job.ts';
import { JobState } from '../../proto/gen/punnet/v1/job.ts';
import type { Node } from '../../proto/gen/punnet/v1/node_service.ts';
import { Connection, allPages } from '../../scheduler/cli/connection.ts';
import { readContextFile } from '../../scheduler/cli/context.ts';
import { isServiceError } from '../../scheduler/cli/errors.ts';
import { submitFile } from '../../scheduler/cli/submit.ts';
import { Program, patienceMs } from './program.ts';

export const root = join(import.meta.dirname, '../..');
const dist = join(root, 'dist');

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RigNode {
  readonly name: string;
  readonly id: string;
  readonly state: string;
  agent: Program;
}

/** How an agent is started. */
/** Where the kernel refuses namespaces, all but the sandbox is tested all the same. */
export const hasNamespaces =
  spawnSync('bwrap', ['--unshare-all', '--bind', '/', '/', 'true']).status === 0;
const agentFlags = hasNamespaces ? [] : ['--allow-unsandboxed'];

export interface Launch {
  /** What runs it; this Node by default. */
  readonly by?: readonly string[];
  readonly flags?: readonly string[];
}

export class Rig {
  /** Reachable for task users, as an agent's state folder must be. */
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-test-'));
  readonly data = join(this.folder, 'scheduler');
  readonly env = { ...process.env, XDG_CONFIG_HOME: join(this.folder, 'config') };
  /** More words for its scheduler. */
  flags: readonly string[] = [];
  readonly nodes: RigNode[] = [];
  readonly #programs: Program[] = [];
  #scheduler: Program | undefined;
  #connection: Connection | undefined;
  #jobs = 0;

  /** A scheduler on free ports, ready, and the CLI with the operator's context. */
  static async start(): Promise<Rig> {
    checkBuild();
    const rig = new Rig();
    chmodSync(rig.folder, 0o711);
    try {
      await rig.startScheduler();
      const added = await rig.punnet('context', 'add', join(rig.data, 'operator.context'));
      if (added.code !== 0) throw new Error(`context add: ${added.err}`);
      return rig;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  get scheduler(): Program {
    if (this.#scheduler === undefined) throw new Error('the scheduler was not started');
    return this.#scheduler;
  }

  /** As the operator. A new one after each start of the scheduler. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error('the scheduler was not started');
    return this.#connection;
  }

  /** Starts one of the built programs. */
  run(name: string, ...words: readonly string[]): Program {
    return this.#start(name, words, {});
  }

  #start(name: string, words: readonly string[], { by, flags = [] }: Launch): Program {
    const [program = '', ...rest] = words;
    const where = { env: this.env, ...(by === undefined ? {} : { by }) };
    const started = new Program(name, [join(dist, program), ...rest, ...flags], where);
    this.#programs.push(started);
    return started;
  }

  /** Runs one of the built programs to its end. */
  call(program: string, ...words: readonly string[]): Promise<Ran> {
    const options = { env: this.env, timeout: patienceMs };
    return new Promise((resolve) => {
      const done = (error: ExecFileException | null, out: string, err: string): void =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
      execFile(process.execPath, [join(dist, program), ...words], options, done);
    });
  }

  /** The real CLI. */
  punnet(...words: readonly string[]): Promise<Ran> {
    return this.call('bin/punnet.cjs', ...words);
  }

  schedulerProgram(data = this.data): Program {
    const ports = ['--grpc-port', '0', '--https-port', '0', '--metrics-port', '0'];
    return this.run(
      'scheduler',
      'bin/punnet-scheduler.cjs',
      '--data',
      data,
      ...ports,
      ...this.flags,
    );
  }

  async startScheduler(data = this.data): Promise<void> {
    this.#scheduler = this.schedulerProgram(data);
    await this.#scheduler.said('"msg":"ready"');
    this.#connection?.close();
    this.#connection = new Connection(await readContextFile(join(data, 'operator.context')));
  }

  natsPid(): number {
    return Number(readFileSync(join(this.data, 'nats/nats-server.pid'), 'utf8'));
  }

  /** A secret for so many nodes of a site, which is made. */
  async nodeToken(options: { site?: string; uses?: number; rate?: string } = {}) {
    const { site = 'here', uses = 1, rate = '1 Gbit/s' } = options;
    const { sites, tokens } = this.connection;
    const set = { siteId: site, down: rate, up: rate, share: 1, isMeasured: false };
    await this.connection.call(sites.setSite.bind(sites), set);
    return this.connection.call(tokens.createToken.bind(tokens), {
      role: 1,
      name: '',
      siteId: site,
      expiresIn: '',
      uses,
    });
  }

  /** Enrols real agents at one site, and starts them; they are healthy when this resolves. */
  async addNodes(
    names: readonly string[],
    options: {
      readonly site?: string;
      readonly rate?: string;
      readonly slots?: number;
      readonly launch?: Launch;
    } = {},
  ): Promise<void> {
    const { launch = {} } = options;
    const { secret, url } = await this.nodeToken({ ...options, uses: names.length });
    await Promise.all(
      names.map(async (name) => {
        const state = join(this.folder, name);
        const words = ['enrol', url, secret, '--state', state, '--name', name];
        const { by } = launch;
        if (by === undefined) lendStock(state);
        const enrolling = this.#start(
          `${name} (enrol)`,
          ['punnet-agent.cjs', ...words],
          by === undefined ? {} : { by },
        );
        const { code } = await enrolling.ended;
        if (code !== 0) throw new Error(`${name} was not enrolled:\n${enrolling.tail()}`);
        if (by === undefined) keepStock(state);
        writeFileSync(join(state, 'limits.json'), JSON.stringify({ slots: options.slots ?? 1 }));
        const id = /Enrolled as (\S+) of/.exec(enrolling.tail())?.[1] ?? '';
        this.nodes.push({ name, id, state, agent: this.agent(name, launch) });
      }),
    );
    await Promise.all(names.map((name) => this.untilNode(name, (node) => node.health === 2)));
  }

  /** A new agent on the state folder of this name. */
  agent(name: string, launch: Launch = {}): Program {
    sayPi3(join(this.folder, name, 'inventory.json'));
    const words = ['punnet-agent.cjs', 'run', '--state', join(this.folder, name)];
    return this.#start(name, words, { flags: agentFlags, ...launch });
  }

  /** What `punnet-agent status` prints of a running agent, without a process for it. */
  async status(name: string): Promise<string> {
    const said = await new StateFolder(this.node(name).state).askStatus();
    return `${said ?? 'it does not run'}\n`;
  }

  /** Until the status is like this. */
  untilStatus(name: string, words: RegExp): Promise<string> {
    return until(`a status of ${name} like ${String(words)}`, async () => {
      const said = await this.status(name);
      return words.test(said) ? said : undefined;
    });
  }

  node(name: string): RigNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  async listNodes(): Promise<readonly Node[]> {
    const { nodes } = this.connection;
    const method = nodes.listNodes.bind(nodes);
    return allPages(
      (pageToken) => this.connection.call(method, { pageSize: 0, pageToken, siteId: '' }),
      (response) => response.nodes,
    );
  }

  untilNode(name: string, isSo: (node: Node) => boolean): Promise<Node> {
    return until(`node ${name}`, async () => {
      const node = (await this.listNodes()).find((each) => each.name === name);
      return node !== undefined && isSo(node) ? node : undefined;
    });
  }

  /** A file somewhere in the folder whose path ends so. */
  untilFile(folder: string, ending: string): Promise<string> {
    return until(`a file *${ending}`, async () => {
      // A folder may go while it is read.
      const files = await readdir(folder, { recursive: true }).catch(() => []);
      return files.find((file) => file.endsWith(ending));
    });
  }

  /** Writes a job file with a program of one shell script. Returns the file. */
  jobFile(script: string, spec: Readonly<Record<string, unknown>>): string {
    this.#jobs += 1;
    const name = `job${this.#jobs}`;
    const folder = join(this.folder, name);
    mkdirSync(join(folder, 'program'), { recursive: true });
    writeFileSync(join(folder, 'program/run.sh'), `#!/bin/sh\nset -eu\n${script}\n`, {
      mode: 0o755,
    });
    const file = join(folder, 'job.yaml');
    const whole = {
      name,
      bundles: { x86_64: { file: 'program' }, aarch64: { file: 'program' } },
      command: ['/bundle/run.sh', '{index}'],
      profile: { work: '1 GHz*s', output: '1 kB' },
      ...spec,
    };
    writeFileSync(file, stringify(whole));
    return file;
  }

  /** Submits by the CLI's own code, in this process. */
  async submit(file: string, requestId?: string): Promise<Job> {
    const io = {
      ...{ out: () => undefined, err: () => undefined, isTty: false, env: this.env },
      signal: new AbortController().signal,
      now: () => Date.now(),
    };
    return submitFile(this.connection, io, { file, requestId });
  }

  /** Watches the job until it is so; over restarts of the scheduler, too. */
  async untilJob(jobId: string, isSo: (job: Job) => boolean): Promise<Job> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      try {
        return await this.#firstSuch(jobId, { isSo, deadline });
      } catch (error) {
        const lost: readonly unknown[] = [status.UNAVAILABLE, status.CANCELLED];
        if (!isServiceError(error) || !lost.includes(error.code)) throw error;
      }
    }
  }

  async #firstSuch(
    jobId: string,
    { isSo, deadline }: { readonly isSo: (job: Job) => boolean; readonly deadline: number },
  ): Promise<Job> {
    const { jobs } = this.connection;
    const metadata = this.connection.metadata.clone();
    metadata.setOptions({ waitForReady: true });
    const stream: AsyncIterable<{ readonly job: Job | undefined }> = jobs.watchJob(
      { jobId },
      metadata,
      { deadline },
    );
    let last: Job | undefined;
    for await (const { job } of stream) {
      last = job;
      if (job !== undefined && isSo(job)) return job;
    }
    throw new Error(`job ${jobId} ended otherwise: ${JSON.stringify(last)}`);
  }

  untilSucceeded(jobId: string): Promise<Job> {
    return this.untilJob(jobId, (job) => job.state === JobState.SUCCEEDED);
  }

  async tasks(jobId: string): Promise<readonly Task[]> {
    const { jobs } = this.connection;
    const method = jobs.listTasks.bind(jobs);
    return allPages(
      (pageToken) => this.connection.call(method, { jobId, pageSize: 0, pageToken, state: 0 }),
      (response) => response.tasks,
    );
  }

  /** Ends all that was started, and removes the folder. */
  async stop(): Promise<void> {
    this.#connection?.close();
    for (const program of this.#programs.toReversed()) await program.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The ends of all logs, for a test that failed. */
  logs(): string {
    const running = this.#programs.filter((program) => program.lines.length > 0);
    return running.map((program) => `--- ${program.name}\n${program.tail()}`).join('\n');
  }
}

/** Looks until there is something, where nothing tells of a change. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  withinMs = patienceMs,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not so after ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** The tests run what users run: a build older than its sources would show nothing. */
export function checkBuild(): void {
  const builtMs = statSync(join(dist, 'punnet-agent.cjs'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  for (const folder of ['scheduler', 'agent', 'proto', 'sim', 'benchmarks']) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      const file = join(root, folder, entry);
      if (!file.endsWith('.ts') || statSync(file).mtimeMs <= builtMs) continue;
      throw new Error(`dist/ is older than ${folder}/${entry}: npm run build, then test again`);
    }
  }
}

/** What enrolment found this machine to be. It takes seconds, and is done once for each build. */
const stock = join(dist, 'test-inventory.json');

export function lendStock(state: string): void {
  if (!existsSync(stock)) return;
  mkdirSync(state, { recursive: true, mode: 0o711 });
  copyFileSync(stock, join(state, 'inventory.json'));
}

function keepStock(state: string): void {
  if (existsSync(stock)) return;
  const mine = `${stock}.${process.pid}`;
  copyFileSync(join(state, 'inventory.json'), mine);
  renameSync(mine, stock);
}

/** Every node of a rig tells the speed of a Pi 3: what is printed must not depend on this machine. */
function sayPi3(file: string): void {
  // The agent wrote it at enrolment.
  const inventory = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...inventory, speedGhz: 1.2 }));
}

// A small federation on this machine: one scheduler, and agents that are real processes. Starts
// everything, and stops everything that it started, tasks too.

import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { endTasks } from './end-tasks.ts';
import type { Ground } from './ground.ts';
import { said } from './said.ts';

const run = promisify(execFile);

/** Each look starts a program, while the agents start on the same cores. */
const lookEveryMs = 1_000;

export interface FederationOptions {
  /** Folder of the built programs. */
  readonly dist: string;
  /** Everything is written here. */
  readonly folder: string;
  /** Where the programs run. */
  readonly ground: Ground;
  /** Lets agents run tasks with rlimits only, where namespaces are refused. */
  readonly isUnsandboxed: boolean;
  /** Ends what is under way; stop() is called all the same. */
  readonly signal: AbortSignal;
}

export class Federation {
  readonly #options: FederationOptions;
  readonly #data: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];
  /** The state folder of each, by name. */
  readonly #nodes = new Map<string, string>();

  constructor(options: FederationOptions) {
    this.#options = options;
    this.#data = join(options.folder, 'scheduler');
    this.#environment = { ...process.env, XDG_CONFIG_HOME: join(options.folder, 'config') };
  }

  /** Starts the scheduler; `punnet` speaks to it from then on. */
  async start(policy: string): Promise<void> {
    mkdirSync(this.#data, { recursive: true });
    await this.#options.ground.prepare(this.#data, (...words) => this.punnet(...words));
    await this.#startScheduler(policy);
    await this.punnet('context', 'add', join(this.#data, 'operator.context'));
  }

  /** Stops everything and starts it with another policy: the same nodes, with nothing fetched yet. */
  async restart(policy: string): Promise<void> {
    await this.#stopPrograms();
    for (const state of this.#nodes.values()) {
      for (const name of ['blobs', 'bundles']) rmSync(join(state, name), { recursive: true });
    }
    await this.#startScheduler(policy);
    for (const name of this.#nodes.keys()) this.#runAgent(name);
  }

  /** Runs `punnet` with these words and returns what it printed. Throws with its error. */
  async punnet(...words: readonly string[]): Promise<string> {
    const options = { ...this.#calls, env: this.#environment, maxBuffer: 64 * 1024 * 1024 };
    const [program, ...rest] = nodeBy(this.#options.ground.core, [this.#cli, ...words]);
    return (await run(program, rest, options)).stdout;
  }

  /** Runs `punnet`, whose lines are told as they come. Returns its exit code; null: by a signal. */
  async follow(words: readonly string[], tell: (line: string) => void): Promise<number | null> {
    const options = { ...this.#calls, env: this.#environment };
    const [program, ...rest] = nodeBy(this.#options.ground.core, [this.#cli, ...words]);
    const child = spawn(program, rest, options);
    const print = (bytes: Buffer): void => {
      for (const line of bytes.toString().split('\n')) if (line.trim() !== '') tell(line);
    };
    child.stdout.on('data', print);
    child.stderr.on('data', print);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
  }

  /** Enrols a node with a token and starts its agent; it has one slot. */
  async addNode(name: string, url: string, token: string): Promise<void> {
    const { folder, ground } = this.#options;
    const state = join(folder, name);
    const [first] = this.#nodes.values();
    if (first !== undefined) lendInventory(first, state);
    const enrol = [this.#agent, 'enrol', url, token, '--state', state, '--name', name];
    const [program, ...words] = nodeBy(ground.node(name), enrol);
    await run(program, words, this.#calls);
    writeFileSync(join(state, 'limits.json'), `${JSON.stringify({ slots: 1 })}\n`);
    this.#nodes.set(name, state);
    await ground.connect(name, state);
    this.#runAgent(name);
  }

  /** Bytes that a site's line has carried into it so far; undefined: it has none of its own. */
  carriedInto(site: string): number | undefined {
    return this.#options.ground.carriedInto(site);
  }

  /** Waits until the scheduler has heard what each node is and offers. */
  async untilReported(): Promise<void> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const { nodes } = JSON.parse(await this.punnet('nodes', '--output', 'json')) as {
        nodes: readonly { readonly status?: unknown }[];
      };
      const heard = nodes.filter(({ status }) => status !== undefined);
      if (heard.length === this.#nodes.size) return;
      await sleep(lookEveryMs, undefined, { signal: this.#options.signal });
    }
  }

  /** Stops everything; the ground with it. */
  async stop(): Promise<void> {
    try {
      await this.#stopPrograms();
    } finally {
      await this.#options.ground.close();
    }
  }

  async #stopPrograms(): Promise<void> {
    for (const child of this.#children.splice(0).reverse()) await stopChild(child);
    // An agent leaves its tasks running: it would find them when it comes back.
    await endTasks([...this.#nodes.values()]);
  }

  async #startScheduler(policy: string): Promise<void> {
    const { dist, ground, signal } = this.#options;
    const ports = ['--grpc-port', '0', '--https-port', '0', '--metrics-port', '0'];
    const words = ['--data', this.#data, '--policy', policy, ...ports, ...ground.schedulerWords];
    const program = join(dist, 'bin/punnet-scheduler.cjs');
    const scheduler = this.#launch('scheduler', nodeBy(ground.core, [program, ...words]));
    await said(scheduler, '"msg":"ready"', signal);
  }

  #runAgent(name: string): void {
    const { folder, ground, isUnsandboxed } = this.#options;
    const flags = isUnsandboxed ? ['--allow-unsandboxed'] : [];
    const words = [this.#agent, 'run', '--state', join(folder, name), ...flags];
    this.#launch(name, nodeBy(ground.node(name), words));
  }

  get #agent(): string {
    return join(this.#options.dist, 'punnet-agent.cjs');
  }

  get #cli(): string {
    return join(this.#options.dist, 'bin/punnet.cjs');
  }

  get #calls(): { readonly signal: AbortSignal } {
    return { signal: this.#options.signal };
  }

  #launch(name: string, [program, ...words]: Command): ChildProcess {
    this.#options.signal.throwIfAborted();
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(this.#options.folder, `${name}.log`));
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#children.push(child);
    return child;
  }
}

/** All agents are this machine: the first one measured it, which takes a second of CPU. */
function lendInventory(from: string, to: string): void {
  mkdirSync(to, { mode: 0o711 });
  copyFileSync(join(from, 'inventory.json'), join(to, 'inventory.json'));
}

type Command = readonly [program: string, ...words: readonly string[]];

/** Node.js with these words, started by what brings it where it belongs. */
function nodeBy([program, ...before]: readonly string[], words: readonly string[]): Command {
  if (program === undefined) return [process.execPath, ...words];
  return [program, ...before, process.execPath, ...words];
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

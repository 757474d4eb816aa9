// A real agent, the bundle as it is shipped, enrolled with a scheduler by its own command.

import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endWithUs } from './child.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

const run = promisify(execFile);
export const agentBundle = join(import.meta.dirname, '../dist/punnet-agent.cjs');

export interface AgentOptions {
  /** Where it finds nats-server, instead of what the federation says. */
  readonly natsUrl?: string;
  /** A file that Node.js loads before the agent. */
  readonly preload?: string;
}

export class AgentProcess {
  readonly stateFolder: string;
  readonly #child: ChildProcess;

  private constructor(stateFolder: string, child: ChildProcess) {
    this.stateFolder = stateFolder;
    this.#child = child;
  }

  /** Enrols a node with one slot and starts its agent; resolves when it has a process. */
  static async start(
    scheduler: SchedulerProcess,
    options: AgentOptions = {},
  ): Promise<AgentProcess> {
    const { connection, folder } = scheduler;
    const stateFolder = join(folder, 'agent');
    const { secret, url } = await connection.call(
      connection.tokens.createToken.bind(connection.tokens),
      { role: 1, name: '', siteId: '', expiresIn: '', uses: 1 },
    );
    await run(process.execPath, [agentBundle, 'enrol', url, secret, '--state', stateFolder]);
    writeFileSync(join(stateFolder, 'limits.json'), '{"slots":1}');
    if (options.natsUrl !== undefined) useNats(stateFolder, options.natsUrl);
    // By the environment, so that the agent's shims load it too.
    const preload =
      options.preload === undefined ? {} : { NODE_OPTIONS: `--require ${options.preload}` };
    const flags = hasNamespaces() ? [] : ['--allow-unsandboxed'];
    const words = [agentBundle, 'run', '--state', stateFolder, ...flags];
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...preload },
    });
    endWithUs(child);
    child.stdout?.pipe(createWriteStream(join(folder, 'agent.log')));
    return new AgentProcess(stateFolder, child);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the agent has no process');
    return pid;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

function useNats(stateFolder: string, url: string): void {
  const file = join(stateFolder, 'identity.json');
  // Written by the agent's enrolment, just now.
  const identity = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...identity, natsUrls: [url] }));
}

/** Whether a program may make the namespaces that the sandbox is made of. */
function hasNamespaces(): boolean {
  const words = ['--unshare-all', '--ro-bind', '/usr', '/usr', '--symlink', 'usr/lib64', '/lib64'];
  const more = ['--symlink', 'usr/lib', '/lib', '--proc', '/proc', '/usr/bin/true'];
  return spawnSync('bwrap', [...words, ...more]).status === 0;
}

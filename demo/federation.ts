// A small federation on this machine: one scheduler, and agents that are real processes. Starts
// everything, and stops everything that it started.

import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Federation {
  /** Runs `punnet` with these words and returns what it printed. Throws with its error. */
  punnet(...words: readonly string[]): Promise<string>;
  /** Enrols a node with a token and starts its agent; it has one slot. */
  addNode(name: string, url: string, token: string): Promise<void>;
  /** What a person would type before `punnet` words, to look at the demo from another terminal. */
  readonly environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/**
 * Starts a scheduler in `folder`.
 *
 * @param dist folder of the built programs.
 * @param isUnsandboxed let agents run tasks with rlimits only, where namespaces are refused.
 */
export async function startFederation(
  dist: string,
  folder: string,
  isUnsandboxed: boolean,
): Promise<Federation> {
  const children: ChildProcess[] = [];
  const environment = { ...process.env, XDG_CONFIG_HOME: join(folder, 'config') };
  const start = (name: string, words: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(folder, `${name}.log`));
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    children.push(child);
    return child;
  };
  const data = join(folder, 'scheduler');
  mkdirSync(data, { recursive: true });
  const scheduler = start('scheduler', [
    join(dist, 'scheduler/main.js'),
    ...['--data', data, '--grpc-port', '0', '--https-port', '0', '--metrics-port', '0'],
  ]);
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await stopChild(child);
  };
  const punnet = async (...words: readonly string[]): Promise<string> => {
    const cli = join(dist, 'scheduler/cli/main.js');
    const options = { env: environment, maxBuffer: 64 * 1024 * 1024 };
    return (await run(process.execPath, [cli, ...words], options)).stdout;
  };
  try {
    await untilReady(scheduler, join(folder, 'scheduler.log'));
    await punnet('context', 'add', join(data, 'operator.context'));
  } catch (error) {
    await stop();
    throw error;
  }
  const addNode = async (name: string, url: string, token: string): Promise<void> => {
    const agent = join(dist, 'punnet-agent.cjs');
    const state = join(folder, name);
    await run(process.execPath, [agent, 'enrol', url, token, '--state', state, '--name', name]);
    writeFileSync(join(state, 'limits.json'), `${JSON.stringify({ slots: 1 })}\n`);
    const flags = isUnsandboxed ? ['--allow-unsandboxed'] : [];
    start(name, [agent, 'run', '--state', state, ...flags]);
  };
  return { punnet, addNode, environment, stop };
}

/** Waits until the scheduler says that it is ready, or has ended. */
function untilReady(child: ChildProcess, log: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (part: Buffer) => {
      text = (text + part.toString()).slice(-10_000);
      if (text.includes('"msg":"ready"')) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`the scheduler ended while it started:\n${readFileSync(log, 'utf8')}`));
    });
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

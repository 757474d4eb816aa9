// Tells apt to ask the agent for the way to its packages, and takes that back: two files of root's, in an order in which apt
// never finds one without the other. apt fails when the script that it is told of is not there.

import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { detectScript } from '../adapters/apt/detect-script.ts';
import { AgentError } from '../adapters/state/state-folder.ts';
import type { AptReading } from './doctor.ts';
import { isListening } from './tunnel-probe.ts';

const tries = 20;
const option = 'Acquire::http::Proxy-Auto-Detect';

interface Files {
  readonly script: string;
  readonly snippet: string;
}

/** @param etc /etc, or another root's. */
export function aptFiles(etc = '/etc'): Files {
  return {
    script: join(etc, 'punnet-agent/apt-way'),
    snippet: join(etc, 'apt/apt.conf.d/90punnet-agent'),
  };
}

/** apt asks for the way at this port from now on. Throws AgentError when it has another way to its packages already. */
export function askAgent(port: number, files: Files = aptFiles()): void {
  const other = otherProxy(files.script);
  if (other !== null) {
    throw new AgentError(
      `Wanted an apt that has no proxy, found ${other}: with it, apt would not ask the agent. Take it out of /etc/apt/apt.conf.d first, or leave apt as it is.`,
    );
  }
  for (const file of [files.script, files.snippet]) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  }
  // Methods of apt run as another user.
  chmodSync(dirname(files.script), 0o755);
  writeFileSync(files.script, detectScript(port));
  chmodSync(files.script, 0o755);
  const why =
    '// Packages come through the site, while the agent runs: sudo punnet-agent limits --apt off';
  writeFileSync(files.snippet, `${why}\n${option} "${files.script}";\n`);
  chmodSync(files.snippet, 0o644);
}

/** apt asks its mirrors itself, as it did before. */
export function askNobody(files: Files = aptFiles()): void {
  rmSync(files.snippet, { force: true });
  rmSync(files.script, { force: true });
}

/** What it says of proxies, without ours; null: nothing. */
function otherProxy(script: string): string | null {
  const words = ['dump', '--format', '%f %v%n', 'Acquire::http'];
  const { stdout, status } = spawnSync('apt-config', words, { encoding: 'utf8' });
  if (status !== 0) throw new AgentError('Wanted apt on this machine, found no apt-config.');
  return foreignProxyIn(stdout, script);
}

/** Of the lines of `apt-config dump`; a host that is asked directly is no proxy. */
export function foreignProxyIn(dump: string, script: string): string | null {
  const lines = dump.split('\n').map((line) => line.trim());
  const found = lines.find((line) => {
    const [, name = '', value = ''] = /^Acquire::http::(\S+) (.+)$/.exec(line) ?? [];
    const isProxy = /^proxy(::|$|-auto-detect$)|^ProxyAutoDetect$/i.test(name);
    return isProxy && value !== script && value !== 'DIRECT';
  });
  // An address may hold a password.
  return found === undefined ? null : `its ${found.split(' ')[0]}`;
}

/** What apt was told before, or a port that nobody has now: below those that the kernel gives to connections. */
export async function choosePort({ script }: Files = aptFiles()): Promise<number> {
  const told = existsSync(script) ? /127\.0\.0\.1:(\d+)/.exec(readFileSync(script, 'utf8')) : null;
  if (told !== null) return Number(told[1]);
  for (let count = 0; count < tries; count += 1) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new AgentError(`Wanted a free port of this machine, found ${tries} that others have.`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

export async function readApt(port: number | null, files: Files = aptFiles()): Promise<AptReading> {
  const script = existsSync(files.script) ? readFileSync(files.script, 'utf8') : null;
  return {
    port,
    isTold: existsSync(files.snippet),
    isScriptRight: script !== null && (port === null || script === detectScript(port)),
    isListening: port !== null && (await isListening({ host: '127.0.0.1', port })),
  };
}

// Runs nats-server as a child of the scheduler, with its own configuration, and starts it again
// when it dies. Revocations go to it as an updated account JWT.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator } from 'nats';
import type { NatsConnection } from 'nats';
import { maxMessageBytes } from '../../../proto/subjects.ts';
import { readIfThere, writeDurably } from '../durable-file.ts';
import { isFree } from '../kept-ports.ts';
import { portOwner } from '../port-owner.ts';
import { localHost, urlHost } from '../url-host.ts';
import type { NatsIdentity } from './nats-identity.ts';

export interface EmbeddedNatsOptions {
  readonly dataFolder: string;
  /** Address to listen on. */
  readonly host: string;
  readonly port: number;
  readonly identity: NatsIdentity;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caPem: string;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class NatsServerError extends Error {}

const readyWithinMs = 10_000;
const orphanEndsWithinMs = 5_000;
const longestBackoffMs = 10_000;

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class EmbeddedNats {
  readonly #options: EmbeddedNatsOptions;
  readonly #folder: string;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #lastLine = '';
  #system: NatsConnection | undefined;
  #updated: Promise<void> = Promise.resolve();

  constructor(options: EmbeddedNatsOptions) {
    this.#options = options;
    this.#folder = path.resolve(options.dataFolder, 'nats');
  }

  /** For clients on this machine. */
  get urls(): readonly string[] {
    return [`tls://${urlHost(this.#localHost)}:${this.#options.port}`];
  }

  /** A connection in the system account, for account updates. */
  get system(): NatsConnection {
    if (this.#system === undefined) throw new Error('nats-server has not been started');
    return this.#system;
  }

  /** Resolves when clients can connect. Throws a NatsServerError that says what to do. */
  async start(): Promise<void> {
    await this.#freePort();
    await this.#writeConfiguration();
    await this.#launch(0);
    this.#system = await connect({
      servers: [...this.urls],
      name: 'punnet-system',
      authenticator: credsAuthenticator(await this.#options.identity.systemCredentials()),
      tls: { ca: this.#options.caPem },
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      // It is our own server: a refusal is a passing trouble, and giving up would leave us deaf.
      ignoreAuthErrorAbort: true,
    });
  }

  /**
   * Drops these users and keeps them out, after restarts too. Others stay connected. Rejects when
   * nats-server is away: it learns of it at its next start then.
   */
  revokeUsers(publicKeys: readonly string[]): Promise<void> {
    this.#options.identity.revoke(publicKeys, Date.now());
    // One after another, so that an older account never overwrites a newer one.
    const updated = this.#updated.then(() => this.#updateAccount());
    this.#updated = updated.catch(() => undefined);
    return updated;
  }

  async #updateAccount(): Promise<void> {
    const { identity } = this.#options;
    const account = await identity.accountJwt();
    this.#writeAccount(identity.accountPublicKey, account);
    await updateAccount(this.system, account);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#system?.close();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }

  get #localHost(): string {
    return localHost(this.#options.host);
  }

  /** The kernel ends nats-server with its scheduler; one that is left all the same is ended here. */
  async #freePort(): Promise<void> {
    const { host, port, log } = this.#options;
    if (await isFree(port, host)) return;
    const pid = Number(readIfThere(this.#pidFile()) ?? 0);
    if (pid > 0 && this.#isOurs(pid)) {
      log('ended a nats-server that an earlier scheduler left', { pid });
      process.kill(pid, 'SIGKILL');
      const deadline = performance.now() + orphanEndsWithinMs;
      while (performance.now() < deadline) {
        if (await isFree(port, host)) return;
        await sleep(20);
      }
    }
    throw new NatsServerError(
      `Port ${port}, for nats-server, is taken by ${portOwner(port)}: end that, then start again (the nodes know this port; it is kept in ports.json).`,
    );
  }

  /** The scheduler holds the lock of this folder, so that nobody else may use its configuration. */
  #isOurs(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(this.#configurationFile());
    } catch {
      return false;
    }
  }

  async #writeConfiguration(): Promise<void> {
    const { identity, certificateFile, keyFile, host, port } = this.#options;
    const quote = JSON.stringify;
    mkdirSync(path.join(this.#folder, 'jwt'), { recursive: true, mode: 0o700 });
    this.#writeAccount(identity.systemPublicKey, await identity.systemJwt());
    this.#writeAccount(identity.accountPublicKey, await identity.accountJwt());
    const lines = [
      `listen: ${quote(`${urlHost(host)}:${port}`)}`,
      `pid_file: ${quote(this.#pidFile())}`,
      `max_payload: ${maxMessageBytes}`,
      'ping_interval: "20m"',
      `tls { cert_file: ${quote(path.resolve(certificateFile))},`,
      `  key_file: ${quote(path.resolve(keyFile))}, timeout: 10 }`,
      `operator: ${quote(await identity.operatorJwt())}`,
      `system_account: ${identity.systemPublicKey}`,
      `resolver: { type: full, dir: ${quote(path.join(this.#folder, 'jwt'))} }`,
    ];
    writeDurably(this.#configurationFile(), `${lines.join('\n')}\n`);
  }

  #writeAccount(publicKey: string, jwt: string): void {
    writeDurably(path.join(this.#folder, 'jwt', `${publicKey}.jwt`), jwt);
  }

  #configurationFile(): string {
    return path.join(this.#folder, 'nats-server.conf');
  }

  #pidFile(): string {
    return path.join(this.#folder, 'nats-server.pid');
  }

  async #launch(failures: number): Promise<void> {
    const server = find('nats-server');
    if (server === undefined) {
      throw new NatsServerError('nats-server: not found; install it: apt-get install nats-server');
    }
    const setpriv = find('setpriv');
    const words = [server, '-c', this.#configurationFile()];
    const [program = server, ...rest] =
      setpriv === undefined ? words : [setpriv, '--pdeathsig', 'KILL', ...words];
    const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    const startedAt = performance.now();
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#lastLine = bytes.toString().trim().split('\n').at(-1) ?? '';
    });
    child.on('error', (error) => {
      this.#lastLine = error.message;
    });
    const exit = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await this.#untilReady(child);
    void exit.then(({ code, signal }) => {
      if (this.#stopping.signal.aborted) return;
      const again = performance.now() - startedAt > 60_000 ? 0 : failures + 1;
      this.#options.log('nats-server died', { code, signal, last: this.#lastLine });
      void this.#restart(again);
    });
  }

  async #restart(failures: number): Promise<void> {
    try {
      const { signal } = this.#stopping;
      await sleep(Math.min(longestBackoffMs, 100 * 2 ** failures), undefined, { signal });
      await this.#launch(failures);
      this.#options.log('nats-server runs again', { pid: this.#child?.pid });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#options.log('nats-server did not start', { error: String(error) });
      void this.#restart(failures + 1);
    }
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const { port } = this.#options;
    const deadline = performance.now() + readyWithinMs;
    while (child.exitCode === null && child.signalCode === null) {
      if (await answers(port, this.#localHost)) return;
      if (performance.now() > deadline) child.kill('SIGKILL');
      await sleep(20);
    }
    throw new NatsServerError(
      `nats-server: want it ready on port ${port}, it ended: ${this.#lastLine}`,
    );
  }
}

/** Hands a nats-server the newest JWT of our account; what it revokes is dropped at once. */
export async function updateAccount(system: NatsConnection, account: string): Promise<void> {
  const answer = await system.request('$SYS.REQ.CLAIMS.UPDATE', account, { timeout: 5000 });
  if (answer.string().includes('"code":200')) return;
  throw new NatsServerError(`nats-server refused the account: ${answer.string()}`);
}

function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin'];
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

/** nats-server greets whoever connects. */
function answers(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial({ port, host });
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

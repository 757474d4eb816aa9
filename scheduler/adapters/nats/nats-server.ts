// Runs nats-server as a child of the scheduler, with its own configuration, and starts it again
// when it dies. Revocations go to it as an updated account JWT.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as dial, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credsAuthenticator } from 'nats';
import type { NatsConnection } from 'nats';
import { z } from 'zod';
import type { NatsIdentity } from './nats-identity.ts';

export interface EmbeddedNatsOptions {
  readonly dataFolder: string;
  readonly identity: NatsIdentity;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caPem: string;
  /** Address to listen on; all by default. */
  readonly host?: string;
  readonly log?: (event: string, fields: Record<string, unknown>) => void;
}

export class NatsServerError extends Error {}

const readyWithinMs = 10_000;
const longestBackoffMs = 10_000;

export class EmbeddedNats {
  readonly #options: EmbeddedNatsOptions;
  readonly #folder: string;
  #port = 0;
  #child: ChildProcess | undefined;
  #stopping = new AbortController();
  #lastLine = '';
  #system: NatsConnection | undefined;

  constructor(options: EmbeddedNatsOptions) {
    this.#options = options;
    this.#folder = path.join(options.dataFolder, 'nats');
  }

  get port(): number {
    return this.#port;
  }

  /** For clients on this machine. */
  get url(): string {
    return `tls://localhost:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when clients can connect. Throws a NatsServerError that says what to do. */
  async start(): Promise<void> {
    this.#stopping = new AbortController();
    this.#port = await this.#choosePort();
    await this.#writeConfiguration();
    await this.#launch(0);
    this.#system = await this.connectAsSystem();
  }

  /** A connection in the system account: events of clients, and account updates. */
  async connectAsSystem(): Promise<NatsConnection> {
    return await connect({
      servers: `localhost:${this.#port}`,
      name: 'punnet-system',
      authenticator: credsAuthenticator(await this.#options.identity.systemCredentials()),
      tls: { ca: this.#options.caPem },
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
    });
  }

  /** Drops this user and keeps it out, after restarts too. Others stay connected. */
  async revokeUser(publicKey: string): Promise<void> {
    const { identity } = this.#options;
    identity.revoke(publicKey, Date.now());
    const account = await identity.accountJwt();
    this.#writeAccount(identity.accountPublicKey, account);
    const answer = await this.#system?.request('$SYS.REQ.CLAIMS.UPDATE', account, {
      timeout: 5000,
    });
    if (answer !== undefined && !answer.string().includes('"code":200')) {
      throw new NatsServerError(`nats-server refused the revocation: ${answer.string()}`);
    }
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

  async #choosePort(): Promise<number> {
    const file = path.join(this.#folder, 'ports.json');
    if (existsSync(file)) {
      const { client } = z
        .object({ client: z.int() })
        .parse(JSON.parse(readFileSync(file, 'utf8')));
      await checkFree(client);
      return client;
    }
    const client = await checkFree(0);
    writeFileSync(file, JSON.stringify({ client }), { mode: 0o600, flush: true });
    return client;
  }

  async #writeConfiguration(): Promise<void> {
    const { identity, certificateFile, keyFile, host } = this.#options;
    const quote = JSON.stringify;
    mkdirSync(path.join(this.#folder, 'jwt'), { recursive: true, mode: 0o700 });
    this.#writeAccount(identity.systemPublicKey, await identity.systemJwt());
    this.#writeAccount(identity.accountPublicKey, await identity.accountJwt());
    const lines = [
      `listen: ${quote(`${host ?? '[::]'}:${this.#port}`)}`,
      'max_payload: 65536',
      'ping_interval: "20m"',
      `tls { cert_file: ${quote(path.resolve(certificateFile))},`,
      `  key_file: ${quote(path.resolve(keyFile))}, timeout: 10 }`,
      `operator: ${quote(await identity.operatorJwt())}`,
      `system_account: ${identity.systemPublicKey}`,
      `resolver: { type: full, dir: ${quote(path.resolve(this.#folder, 'jwt'))} }`,
    ];
    writeFileSync(this.#configurationFile(), `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  #writeAccount(publicKey: string, jwt: string): void {
    const file = path.join(this.#folder, 'jwt', `${publicKey}.jwt`);
    writeFileSync(file, jwt, { mode: 0o600, flush: true });
  }

  #configurationFile(): string {
    return path.join(this.#folder, 'nats-server.conf');
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
    await this.#untilReady(child);
    child.once('exit', (code, signal) => {
      if (this.#stopping.signal.aborted) return;
      const again = performance.now() - startedAt > 60_000 ? 0 : failures + 1;
      this.#options.log?.('nats-server died', { code, signal, last: this.#lastLine });
      void this.#restart(again);
    });
  }

  async #restart(failures: number): Promise<void> {
    try {
      const { signal } = this.#stopping;
      await sleep(Math.min(longestBackoffMs, 100 * 2 ** failures), undefined, { signal });
      await this.#launch(failures);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#options.log?.('nats-server did not start', { error: String(error) });
      void this.#restart(failures + 1);
    }
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = performance.now() + readyWithinMs;
    while (child.exitCode === null && child.signalCode === null) {
      if (await answers(this.#port)) return;
      if (performance.now() > deadline) child.kill('SIGKILL');
      await sleep(20);
    }
    throw new NatsServerError(
      `nats-server: want it ready on port ${this.#port}, it ended: ${this.#lastLine}`,
    );
  }
}

function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin'];
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

/** The port, or a free one for 0. */
function checkFree(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => {
      const text = `port ${port} for nats-server is busy: stop what uses it, or remove ports.json`;
      reject(new NatsServerError(text, { cause }));
    });
    server.listen(port, () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(found));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial({ port, host: 'localhost' });
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

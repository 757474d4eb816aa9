// A real scheduler process, as built, with its embedded nats-server and a folder of its own.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { Connection } from '../scheduler/cli/connection.ts';
import type { Context } from '../scheduler/cli/context.ts';
import { readContextFile } from '../scheduler/cli/context.ts';
import { endWithUs, hasEnded, untilEnded } from './child.ts';
import { childrenOf, nameOf } from './machine.ts';

const dist = join(import.meta.dirname, '../dist');
const HealthClient = makeGenericClientConstructor(healthService, 'Health');
const startWithinMs = 120_000;
/** To finish what it does at the end. */
const stopWithinMs = 30_000;
/** To profile it: BENCH_NODE_FLAGS='--cpu-prof --cpu-prof-dir=/tmp/prof' npm run bench -- throughput */
const nodeFlags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');

export class SchedulerProcess {
  readonly folder: string;
  /** From the start of the process until its health said SERVING. */
  readonly servingMs: number;
  readonly context: Context;
  readonly connection: Connection;
  readonly #child: ChildProcess;
  readonly #lastWords: () => string;

  private constructor(options: {
    readonly folder: string;
    readonly servingMs: number;
    readonly context: Context;
    readonly child: ChildProcess;
    readonly lastWords: () => string;
  }) {
    this.folder = options.folder;
    this.servingMs = options.servingMs;
    this.context = options.context;
    this.connection = new Connection(options.context);
    this.#child = options.child;
    this.#lastWords = options.lastWords;
  }

  /** Starts one on a folder, or on a new one; resolves when its health says SERVING. */
  static async start(folder = newFolder()): Promise<SchedulerProcess> {
    const data = join(folder, 'scheduler');
    mkdirSync(data, { recursive: true });
    const startedMs = performance.now();
    const words = ['--data', data, '--grpc-port', '0', '--https-port', '0', '--metrics-port', '0'];
    const program = [...nodeFlags, join(dist, 'bin/punnet-scheduler.cjs')];
    const child = spawn(process.execPath, [...program, ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    endWithUs(child);
    let errors = '';
    child.stderr?.on('data', (bytes: Buffer) => (errors = (errors + String(bytes)).slice(-10_000)));
    while (performance.now() - startedMs < startWithinMs) {
      if (hasEnded(child)) {
        throw new Error(`the scheduler ended while it started: ${errors}`);
      }
      const context = await readContextFile(join(data, 'operator.context')).catch(() => undefined);
      if (context !== undefined && (await isServing(context))) {
        return new SchedulerProcess({
          ...{ folder, context, child, lastWords: () => errors },
          servingMs: performance.now() - startedMs,
        });
      }
      await sleep(5);
    }
    child.kill('SIGKILL');
    throw new Error(`the scheduler was not SERVING after ${startWithinMs / 1000} s: ${errors}`);
  }

  /** Throws when it has ended, with what it said last. */
  get pid(): number {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || hasEnded(this.#child)) {
      throw new Error(
        `the scheduler has ended (${signalCode ?? `exit ${exitCode}`}): ${this.#lastWords()}`,
      );
    }
    return pid;
  }

  get natsPid(): number {
    const pid = childrenOf(this.pid).find((child) => nameOf(child) === 'nats-server');
    if (pid === undefined) throw new Error('the scheduler has no nats-server');
    return pid;
  }

  /** Not by its name: the bus's client asks a name server even for localhost, and that takes a hundred milliseconds. */
  get natsUrl(): string {
    const file = join(this.folder, 'scheduler/ports.json');
    // Written by the scheduler: the ports that nobody named.
    const { nats } = JSON.parse(readFileSync(file, 'utf8')) as { nats: number };
    return `tls://127.0.0.1:${nats}`;
  }

  /** Bytes of the journal's segments and snapshots. */
  get journalBytes(): number {
    const journal = join(this.folder, 'scheduler/journal');
    return readdirSync(journal).reduce((sum, name) => sum + statSync(join(journal, name)).size, 0);
  }

  /** Ends it, as a person or as a power cut would. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.connection.close();
    this.#child.kill(signal);
    await untilEnded(this.#child, stopWithinMs);
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    await this.end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'punnet-bench-'));
  // Tasks run as a user of their own, who must be able to reach their work folders.
  chmodSync(folder, 0o711);
  return folder;
}

/** Asks once the port is open: a client that is refused would wait a second before it tries again. */
async function isServing({ endpoint, caPem }: Context): Promise<boolean> {
  const [host = '', port = ''] = endpoint.split(':');
  const isOpen = await new Promise<boolean>((resolve) => {
    const socket = connect(Number(port), host, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
  if (!isOpen) return false;
  const client = new HealthClient(endpoint, credentials.createSsl(Buffer.from(caPem)));
  try {
    return await new Promise<boolean>((resolve) => {
      const deadline = Date.now() + 5_000;
      client['check']?.({ service: '' }, { deadline }, (_: unknown, answer?: { status: string }) =>
        resolve(answer?.status === 'SERVING'),
      );
    });
  } finally {
    client.close();
  }
}

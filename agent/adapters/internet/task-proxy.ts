// The way of one task to the internet: a proxy for HTTP on a unix socket. It resolves names itself, connects
// to an address that was judged and to no name again, and hands bytes on at the owner's pace.

import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { longestPath, SandboxError } from '../sandbox/attempt-spec.ts';
import { connectionsMost } from '../sandbox/own-network.ts';
import { isNo, no, openAddresses, readHead, type Asked, type No } from './destination.ts';
import { join } from './joined.ts';
import { sayLast } from './last-words.ts';
import { listen } from './listen.ts';

/** One that the task has ended may be a moment longer here. */
const connectionsKept = 2 * connectionsMost;
/** Requests in a second, after so many at once: each costs the agent a look at its routes and a question to DNS. */
const requestsPerSecond = 20;
const requestsAtOnce = 40;
const headBytesMost = 16_384;
/** A head comes over this machine alone; one that comes byte by byte holds a connection no longer. */
const headMs = 5_000;
const connectMs = 10_000;
const addressesTried = 4;
/** Neither way a byte for so long: a client that waits for news asks more often. */
const idleMs = 600_000;
/** Only the host, when the task has ended its own way: a client that has given up keeps its place no longer. */
const endedMs = 30_000;

export interface Way {
  /** Why nothing may go now; null: it may. */
  readonly closed: () => string | null;
  /** Addresses of a name; none: it has none. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** Whether an address is of the home, its node or the federation. */
  readonly near: () => Promise<(address: string) => boolean>;
  /** What bytes pass on their way. */
  readonly paced: (direction: 'down' | 'up') => readonly Transform[];
}

export class TaskProxy {
  readonly #way: Way;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** When all requests that came would have had their turn, one after the other. */
  #clearMs = 0;

  private constructor(way: Way) {
    this.#way = way;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = connectionsKept;
  }

  /** Throws a SandboxError `no_socket` where the system makes none. */
  static async listen(path: string, way: Way): Promise<TaskProxy> {
    const proxy = new TaskProxy(way);
    if (Buffer.byteLength(path) > longestPath) {
      const found = `a path of over ${longestPath} bytes: a state folder (--state) elsewhere helps`;
      throw new SandboxError('no_socket', `wanted a unix socket at ${path}, found ${found}`);
    }
    // What an agent left that was killed.
    rmSync(path, { force: true });
    await listen(proxy.#server, { path }).catch((error: unknown) => {
      const found = error instanceof Error ? error.message : String(error);
      const text = `wanted a unix socket for a task's way to the internet at ${path}, found ${found}`;
      throw new SandboxError('no_socket', text);
    });
    // Nobody else on the machine is to go this way.
    chmodSync(path, 0o600);
    return proxy;
  }

  /** Ends what is under way, and lets the task ask again. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #serve(task: Socket): void {
    this.#keep(task);
    const timer = setTimeout(() => task.destroy(), headMs);
    let read = Buffer.alloc(0);
    const take = (part: Buffer): void => {
      read = Buffer.concat([read, part]);
      const end = read.indexOf('\r\n\r\n');
      if (end < 0 && read.length <= headBytesMost) return;
      clearTimeout(timer);
      task.pause().off('data', take);
      if (end < 0) return refuse(task, no(431, `wanted a head of at most ${headBytesMost} bytes.`));
      const head = read.subarray(0, end).toString('latin1');
      this.#lead(task, head, read.subarray(end + 4)).catch((error: unknown) => {
        refuse(task, no(503, error instanceof Error ? error.message : String(error)));
      });
    };
    task.on('data', take);
    task.once('close', () => clearTimeout(timer));
    // Gone before it has asked: there is nothing to answer.
    task.once('end', () => {
      if (task.listeners('data').includes(take)) task.destroy();
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(idleMs, () => socket.destroy());
  }

  /** @param rest what came behind the head. */
  async #lead(task: Socket, head: string, rest: Buffer): Promise<void> {
    await this.#turn();
    const asked = readHead(head);
    const host = isNo(asked) ? asked : await this.#reach(asked);
    if (isNo(host)) return refuse(task, host);
    if (task.destroyed || isNo(asked)) return void host.destroy();
    this.#keep(host);
    const [up, down] = [this.#way.paced('up'), this.#way.paced('down')];
    if (asked.head === '') task.write('HTTP/1.1 200 Connection established\r\n\r\n');
    else up[0]?.write(Buffer.from(`${asked.head}\r\n\r\n`, 'latin1'));
    if (rest.length > 0) up[0]?.write(rest);
    join({ task, host, up, down, endedMs });
  }

  /** A task that asks without end waits; others, and the agent itself, do not. */
  async #turn(): Promise<void> {
    const nowMs = performance.now();
    const spanMs = 1_000 / requestsPerSecond;
    this.#clearMs = Math.max(this.#clearMs, nowMs) + spanMs;
    const waitMs = this.#clearMs - nowMs - requestsAtOnce * spanMs;
    if (waitMs > 0) await sleep(waitMs);
  }

  /** A connection to one of the host's addresses that are open to tasks. */
  async #reach({ host, port }: Asked): Promise<Socket | No> {
    const closed = this.#way.closed();
    if (closed !== null) return no(503, closed);
    const isNear = await this.#way.near();
    const addresses = await this.#way.resolve(host);
    if (addresses.length === 0) return no(502, `${host}: there is no such name, or DNS is away.`);
    const open = openAddresses(host, addresses, isNear);
    if (isNo(open)) return open;
    for (const address of open.slice(0, addressesTried)) {
      const socket = await dial(address, port);
      if (socket !== null) return socket;
    }
    return no(502, `${host}, port ${port}: nobody answers at ${open.join(', ')}.`);
  }
}

/** null: nobody answers there. */
function dial(address: string, port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, allowHalfOpen: true });
    const fail = (): void => {
      socket.destroy();
      resolve(null);
    };
    socket.setTimeout(connectMs, fail);
    // Later ones are for whoever has it then.
    socket.on('error', fail);
    socket.once('connect', () => {
      socket.off('timeout', fail);
      resolve(socket);
    });
  });
}

const names: Readonly<Record<No['status'], string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

function refuse(task: Socket, { status, reason }: No): void {
  const body = `${reason}\n`;
  const head = [
    `HTTP/1.1 ${status} ${names[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  sayLast(task, `${head.join('\r\n')}\r\n\r\n${body}`);
}

// Helps to prove that two nodes are on one LAN: serves a nonce there for a minute, or fetches one. It
// reaches nothing but private addresses of its own LAN, one port for a second, and answers nobody who
// does not know the proof's id.

import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { LanAnswer } from '../../../proto/gen/punnet/v1/agent.ts';
import type { LanTask } from '../../../proto/gen/punnet/v1/agent.ts';
import type { OwnLan } from '../probe/lan.ts';

const serveMs = 60_000;
const fetchMs = 1_000;
/** The shortest of so many counts: the first question may wait for ARP and for Wi-Fi to wake. */
const questions = 4;
/** At a time, of both kinds; each costs a socket or two. */
const tasksMost = 4;
const connectionsMost = 4;
const nonceMost = 64;

export interface LanTasksOptions {
  /** Where the node is now; null: on no LAN. */
  readonly ownLan: () => OwnLan | null;
  /** What it may connect to. */
  readonly isNeighbour: (address: string, own: OwnLan) => boolean;
  readonly say: (answer: LanAnswer) => void;
  readonly nowMs: () => number;
}

export class LanTasks {
  readonly #options: LanTasksOptions;
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  #fetches = 0;

  constructor(options: LanTasksOptions) {
    this.#options = options;
  }

  /** Never throws; what can't be done is left. */
  take(task: LanTask): void {
    const own = this.#options.ownLan();
    const isBusy = this.#servers.size + this.#fetches >= tasksMost;
    if (own === null || isBusy || !/^[A-Za-z0-9_-]{16}$/.test(task.proofId)) return;
    if (task.nonce.length > nonceMost) return;
    if (task.nonce.length > 0) this.#serve(task, own.address);
    else if (
      this.#options.isNeighbour(task.address, own) &&
      task.port >= 1_024 &&
      task.port <= 65_535
    ) {
      this.#fetch(task);
    }
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve({ proofId, nonce }: LanTask, address: string): void {
    const server = createServer((socket) => this.#answer(socket, proofId, nonce));
    server.maxConnections = connectionsMost;
    this.#servers.add(server);
    const end = (): void => {
      clearTimeout(timer);
      this.#servers.delete(server);
      server.close();
    };
    const timer = setTimeout(end, serveMs);
    timer.unref();
    server.once('error', end);
    server.listen({ host: address, port: 0 }, () => {
      const bound = server.address();
      if (bound === null || typeof bound === 'string') return end();
      this.#options.say(LanAnswer.fromPartial({ proofId, address, port: bound.port }));
    });
  }

  /** The nonce for each time that the proof's id comes. */
  #answer(socket: Socket, proofId: string, nonce: Uint8Array): void {
    this.#keep(socket, fetchMs * questions);
    let heard = '';
    let answered = 0;
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      while (heard.startsWith(proofId) && answered < questions) {
        heard = heard.slice(proofId.length);
        answered += 1;
        socket.write(nonce);
      }
      if (!proofId.startsWith(heard)) socket.destroy();
    });
  }

  #fetch({ proofId, address, port }: LanTask): void {
    this.#fetches += 1;
    const socket = createConnection({ host: address, port });
    this.#keep(socket, fetchMs);
    socket.once('close', () => (this.#fetches -= 1));
    let shortestMs = Number.POSITIVE_INFINITY;
    let asked = 0;
    let askedAtMs = 0;
    const ask = (): void => {
      asked += 1;
      askedAtMs = this.#options.nowMs();
      socket.write(proofId);
    };
    socket.setNoDelay(true);
    socket.once('connect', ask);
    socket.on('data', (nonce) => {
      shortestMs = Math.min(shortestMs, this.#options.nowMs() - askedAtMs);
      if (nonce.length > nonceMost) return socket.destroy();
      if (asked < questions) return ask();
      const roundTripUs = Math.ceil(1_000 * shortestMs);
      this.#options.say(LanAnswer.fromPartial({ proofId, nonce, roundTripUs }));
      socket.destroy();
    });
  }

  #keep(socket: Socket, spanMs: number): void {
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), spanMs);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
  }
}

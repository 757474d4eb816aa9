// What a task with internet sees of the agent's proxy: a port of its loopback. Its shim listens there, hands
// bytes on to the agent's socket and counts them; the next agent finds the task's door open.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { sayLast } from '../internet/last-words.ts';
import { listen } from '../internet/listen.ts';
import { connectionsMost, proxyAt } from './own-network.ts';

/** With those that are told to wait: more are closed without a word. */
const heldMost = 4 * connectionsMost;

export interface ProxyDoorOptions {
  /** The agent's socket. */
  readonly path: string;
  /** Bytes both ways that are too many; 0: none are. */
  readonly mostBytes: number;
  readonly onOver: () => void;
}

export class ProxyDoor {
  readonly #options: ProxyDoorOptions;
  readonly #server: Server;
  #open = 0;
  #bytes = 0;
  #isOver = false;

  private constructor(options: ProxyDoorOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (task) => this.#serve(task));
  }

  /** Open until its shim ends. Rejects where the port can't be had. */
  static async open(options: ProxyDoorOptions): Promise<void> {
    const door = new ProxyDoor(options);
    door.#server.maxConnections = heldMost;
    await listen(door.#server, proxyAt);
  }

  #serve(task: Socket): void {
    task.on('error', () => task.destroy());
    if (this.#isOver) return void task.destroy();
    if (this.#open >= connectionsMost) {
      return unavailable(task, `a task has ${connectionsMost} connections at a time: wait`);
    }
    this.#open += 1;
    const agent = connect({ path: this.#options.path, allowHalfOpen: true });
    let isConnected = false;
    agent.once('connect', () => (isConnected = true));
    task.once('close', () => {
      this.#open -= 1;
      agent.destroy();
    });
    // What could not connect is answered.
    agent.once('close', () => (isConnected ? task.destroySoon() : undefined));
    agent.on('error', () => {
      if (!isConnected) unavailable(task, 'the agent is away: try again');
    });
    for (const [from, to] of [
      [task, agent],
      [agent, task],
    ] as const) {
      from.on('data', (part: Buffer) => {
        this.#count(part.length);
        // Its task has a moment to clean up, and none to go on.
        if (this.#isOver) task.destroy();
      });
      from.pipe(to);
    }
  }

  #count(bytes: number): void {
    const { mostBytes, onOver } = this.#options;
    this.#bytes += bytes;
    if (this.#isOver || mostBytes === 0 || this.#bytes <= mostBytes) return;
    this.#isOver = true;
    onOver();
  }
}

function unavailable(task: Socket, words: string): void {
  const head = 'HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close';
  sayLast(task, `${head}\r\n\r\n${words}\n`);
}

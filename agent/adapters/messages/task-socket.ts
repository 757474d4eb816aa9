// One task's socket. POST /v1/tasks/INDEX/messages says the body to another task of the job; GET
// /v1/messages?wait=SECONDS gives the next message to this one, the oldest first.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { maxTaskMessageBytes } from '../../../proto/subjects.ts';
import { longestPath, SandboxError, socketIn } from '../sandbox/attempt-spec.ts';
import type { Said } from './task-sockets.ts';

/** Unread messages; what comes then is dropped. */
const unreadMost = 64;
const connectionsMost = 8;
const requestMs = 10_000;
const saysPath = /^\/v1\/tasks\/(\d{1,9})\/messages$/;
const readsPath = /^\/v1\/messages(?:\?wait=(\d{1,2}))?$/;
const usage =
  'there are POST /v1/tasks/INDEX/messages, and GET /v1/messages?wait=SECONDS with 0 to 99 seconds';

export interface TaskSocketOptions {
  readonly leaseId: number;
  /** Where the socket is made; nobody but the task sees what is in there. */
  readonly folder: string;
  readonly say: (taskIndex: number, body: Buffer) => Said;
}

interface Message {
  /** The task that it is from. */
  readonly taskIndex: number;
  readonly body: Uint8Array;
}

export class TaskSocket {
  readonly #say: TaskSocketOptions['say'];
  readonly #server: Server;
  readonly #unread: Message[] = [];
  /** Those who wait for a message, the first one first. */
  readonly #readers = new Set<(message: Message) => void>();

  private constructor({ say }: TaskSocketOptions) {
    this.#say = say;
    this.#server = createServer({ requestTimeout: requestMs }, (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    this.#server.maxConnections = connectionsMost;
  }

  /** Throws a SandboxError `no_socket` where the system makes none. */
  static async listen(options: TaskSocketOptions): Promise<TaskSocket> {
    const socket = new TaskSocket(options);
    const path = socketIn(options.folder);
    const failed = (found: string): SandboxError => {
      const text = `lease ${options.leaseId}: wanted a unix socket for its task at ${path}, found ${found}`;
      return new SandboxError('no_socket', text);
    };
    if (Buffer.byteLength(path) > longestPath) {
      throw failed(`a path of over ${longestPath} bytes: a state folder (--state) elsewhere helps`);
    }
    await new Promise<void>((resolve, reject) => {
      socket.#server.once('error', (error) => reject(failed(error.message)));
      // The task's user is another one.
      socket.#server.listen({ path, readableAll: true, writableAll: true }, resolve);
    });
    return socket;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  put(message: Message): void {
    const [reader] = this.#readers;
    if (reader !== undefined) reader(message);
    else if (this.#unread.length < unreadMost) this.#unread.push(message);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    const says = method === 'POST' ? saysPath.exec(url) : null;
    const reads = method === 'GET' ? readsPath.exec(url) : null;
    if (says !== null) return this.#take(Number(says[1]), request, response);
    if (reads !== null) return this.#give(1_000 * Number(reads[1] ?? 0), response);
    end(response, { status: 404, words: usage });
  }

  async #take(
    taskIndex: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const parts: Buffer[] = [];
    let size = 0;
    // What is refused midway is answered all the same.
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      size += (part as Buffer).length;
      if (size > maxTaskMessageBytes) {
        response.setHeader('connection', 'close');
        const words = `wanted at most ${maxTaskMessageBytes} bytes`;
        return end(response, { status: 413, words });
      }
      parts.push(part as Buffer);
    }
    end(response, this.#say(taskIndex, Buffer.concat(parts)));
  }

  #give(waitMs: number, response: ServerResponse): void {
    const tell = ({ taskIndex, body }: Message): void => {
      response.writeHead(200, { 'punnet-task': taskIndex, 'content-length': body.length });
      response.end(body);
    };
    const found = this.#unread.shift();
    if (found !== undefined) return tell(found);
    const leave = (): void => {
      clearTimeout(timer);
      this.#readers.delete(reader);
    };
    const reader = (message: Message): void => {
      leave();
      tell(message);
    };
    const timer = setTimeout(() => {
      leave();
      response.writeHead(204).end();
    }, waitMs);
    this.#readers.add(reader);
    // A reader that is gone would lose what comes.
    response.once('close', leave);
  }
}

function end(response: ServerResponse, { status, words }: Said): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${words}\n`);
}

// The scheduler's connection to nats-server. It leaves its socket unread while what comes can wait,
// and then reads it in one burst: a message costs a third of what it costs one at a time. The
// client of npm reads at once, and offers no way to rest (figures in `benchmarks/README.md`).

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTcp, isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import type { Authenticator } from 'nats';
import { z } from 'zod';
import { ProtocolReader } from './protocol-reader.ts';

export interface BusClientOptions {
  /** Of one server or of a cluster. */
  readonly urls: readonly string[];
  readonly caPem: string;
  readonly authenticator: Authenticator;
  /** How often the server is asked whether it is there; a third silence ends the connection. */
  readonly askEveryMs: number;
  /** How long what has come may stay unread; 0: it is wanted now. */
  readonly restMs: () => number;
  readonly onMessage: (subject: string, bytes: Buffer) => void;
  /** The server is away, or back. */
  readonly onTurn: (isConnected: boolean) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

const defaultPort = 4222;
const connectWithinMs = 10_000;
const betweenTriesMs = 250;
/** At the end, for what was said last to leave. */
const lastWordsMs = 1_000;
/** Before the kernel asks a silent server whether it is still there. */
const silenceMs = 30_000;
/** A flood is handed on in parts. */
const burstReads = 16;
/** What a server that takes nothing leaves here. More is lost, as it is when the server is away. */
const maxUnsentBytes = 64 * 1024 * 1024;

const infoLine = z.object({ nonce: z.string().optional() });

export class BusClient {
  readonly #options: BusClientOptions;
  readonly #stopping = new AbortController();
  readonly #subjects: string[] = [];
  /** Undefined while the server is away. */
  #connection: Connection | undefined;

  private constructor(options: BusClientOptions) {
    this.#options = options;
  }

  /** Tries each server once, and throws when none takes us in; later it tries for ever. */
  static async connect(options: BusClientOptions): Promise<BusClient> {
    const client = new BusClient(options);
    await client.#connect();
    return client;
  }

  /** Resolves when the server knows of it. After the server was away it is told again. */
  async subscribe(subject: string): Promise<void> {
    this.#subjects.push(subject);
    this.#connection?.write(subscription(subject, this.#subjects.length));
    await this.#connection?.flush();
  }

  /** Lost when the server is away. */
  publish(subject: string, bytes: Uint8Array): void {
    this.#connection?.write(Buffer.from(`PUB ${subject} ${bytes.length}\r\n`), bytes, lineBreak);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#connection?.close();
  }

  async #connect(): Promise<void> {
    let failure = new Error('no nats-server is named');
    for (const url of this.#options.urls) {
      try {
        const connection = await Connection.open(url, this.#options);
        for (const [at, subject] of this.#subjects.entries()) {
          connection.write(subscription(subject, at + 1));
        }
        await connection.flush();
        this.#connection = connection;
        void connection.closed.then(() => this.#reconnect());
        return;
      } catch (error) {
        failure = new Error(`${url}: ${reason(error)}`, { cause: error });
      }
    }
    throw failure;
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#stopping;
    this.#connection = undefined;
    if (signal.aborted) return;
    this.#options.onTurn(false);
    while (this.#connection === undefined) {
      await sleep(betweenTriesMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      // It let us in once: a refusal is a passing trouble, and giving up would leave us deaf.
      await this.#connect().catch(() => undefined);
    }
    if (signal.aborted) await this.close();
    else this.#options.onTurn(true);
  }
}

const lineBreak = Buffer.from('\r\n');

function subscription(subject: string, id: number): Buffer {
  return Buffer.from(`SUB ${subject} ${id}\r\n`);
}

/** From the first byte to the last of one connection. */
class Connection {
  readonly closed: Promise<void>;
  readonly #socket: TLSSocket;
  readonly #options: BusClientOptions;
  readonly #reader: ProtocolReader;
  #outgoing: Uint8Array[] = [];
  #pongs: (() => void)[] = [];
  #lastError = 'it closed the connection';
  #isReading = false;
  /** Questions since anything came. */
  #asked = 0;

  private constructor(socket: TLSSocket, options: BusClientOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new ProtocolReader({
      message: options.onMessage,
      line: (text) => this.#hearLine(text),
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', (error) => (this.#lastError = error.message));
    socket.on('readable', () => this.#onReadable());
    const asking = setInterval(() => this.#ask(), options.askEveryMs);
    socket.once('close', () => clearInterval(asking));
  }

  /** Throws when the server is not there, or does not let us in. */
  static async open(url: string, options: BusClientOptions): Promise<Connection> {
    const { socket, nonce } = await dial(url, options.caPem);
    const connection = new Connection(socket, options);
    const words = {
      ...{ verbose: false, pedantic: false, tls_required: true, protocol: 1 },
      ...{ name: 'punnet-scheduler', lang: 'node', version: process.version },
      ...options.authenticator(nonce),
    };
    connection.write(Buffer.from(`CONNECT ${JSON.stringify(words)}\r\n`));
    const timer = setTimeout(() => socket.destroy(silent(connectWithinMs)), connectWithinMs);
    await connection.flush().finally(() => clearTimeout(timer));
    return connection;
  }

  /** What is written at a time goes at a time: it is encrypted once, and sent by one call. */
  write(...parts: readonly Uint8Array[]): void {
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#send());
    this.#outgoing.push(...parts);
  }

  #send(): void {
    const bytes = Buffer.concat(this.#outgoing);
    this.#outgoing = [];
    if (this.#socket.writableLength <= maxUnsentBytes) this.#socket.write(bytes);
  }

  /** Resolves when the server has heard all that was written. Throws when it closes before. */
  async flush(): Promise<void> {
    const answered = new Promise<boolean>((resolve) => this.#pongs.push(() => resolve(true)));
    this.write(Buffer.from('PING\r\n'));
    if (await Promise.race([answered, this.closed.then(() => false)])) return;
    throw new Error(this.#lastError);
  }

  /** One that hangs, or a network that is gone, closes nothing. */
  #ask(): void {
    this.#asked += 1;
    if (this.#asked > 2) this.#socket.destroy(silent(2 * this.#options.askEveryMs));
    else this.flush().catch(() => undefined);
  }

  close(): Promise<void> {
    this.#send();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), lastWordsMs).unref();
    return this.closed;
  }

  #onReadable(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const restMs = this.#options.restMs();
    if (restMs > 0) setTimeout(() => this.#read([]), restMs);
    else this.#read([]);
  }

  /**
   * The socket holds one record, and has been left unread since (`highWaterMark`): taking it has
   * the kernel's buffer read at the next turn, and what that brings is the same burst.
   */
  #read(burst: Buffer[]): void {
    const bytes: Buffer | null = this.#socket.read();
    if (bytes !== null) this.#asked = 0;
    if (bytes !== null) burst.push(bytes);
    if (bytes !== null && burst.length < burstReads) {
      setImmediate(() => this.#read(burst));
      return;
    }
    this.#isReading = false;
    this.#reader.take(Buffer.concat(burst));
    if (bytes !== null) this.#onReadable();
  }

  #hearLine(text: string): void {
    if (text === 'PING') this.write(Buffer.from('PONG\r\n'));
    else if (text === 'PONG') this.#pongs.shift()?.();
    else if (text.startsWith('-ERR')) {
      this.#lastError = text;
      this.#options.log('nats-server complains', { text });
    }
  }
}

interface Dialled {
  readonly socket: TLSSocket;
  readonly nonce: string | undefined;
}

/** The server speaks first, in the clear; then comes TLS. */
async function dial(url: string, ca: string): Promise<Dialled> {
  const { hostname, port } = new URL(url.includes('://') ? url : `tls://${url}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  const plain = connectTcp({
    ...{ host, port: Number(port === '' ? defaultPort : port) },
    ...{ noDelay: true, keepAlive: true, keepAliveInitialDelay: silenceMs },
  });
  const timer = setTimeout(() => plain.destroy(silent(connectWithinMs)), connectWithinMs);
  try {
    const { nonce } = infoOf(await firstLine(plain));
    // An address is no server name; the certificate must be for it all the same (`host`).
    const servername = isIP(host) === 0 ? host : '';
    // Node's types do not know `highWaterMark` here; its documentation does.
    const options = { socket: plain, host, servername, ca, highWaterMark: 1 };
    const socket = connectTls(options);
    await once(socket, 'secureConnect');
    return { socket, nonce };
  } catch (error) {
    plain.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Throws when the connection ends before. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    // It stays: what goes wrong later is told by the TLS socket, too.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('it closed the connection')));
    socket.on('data', (bytes: Buffer) => {
      text += String(bytes);
      if (!text.includes('\n')) return;
      socket.removeAllListeners('data');
      resolve(text);
    });
  });
}

function infoOf(line: string): z.infer<typeof infoLine> {
  if (line.startsWith('INFO ')) return infoLine.parse(JSON.parse(line.slice('INFO '.length)));
  throw new Error(`wanted the INFO of a nats-server, found ${JSON.stringify(line.slice(0, 80))}`);
}

function silent(ms: number): Error {
  return new Error(`no answer for ${ms / 1000} s`);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

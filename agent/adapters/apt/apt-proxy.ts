// apt's proxy on this machine: a `.deb` that apt's signed lists name comes through the site's exchange by its hash;
// all else, and whatever the exchange can't give, comes from the mirror as if nobody stood between. It judges no
// signature: apt does.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ForeignBlob } from '../exchange/foreign-blob.ts';
import { Mirror, MirrorError } from './mirror.ts';
import type { Deb } from './package-list.ts';
import type { SignedLists } from './signed-lists.ts';
import { SlowAnswer } from './slow-answer.ts';
import { judgeTarget, parseAddress } from './target.ts';

export interface SiteExchange {
  /** The path of a file with exactly these bytes, from a peer or the source. Rejects when it has none, or none in good
   * time, and at once when the signal says so. */
  get(wanted: ForeignBlob, signal: AbortSignal): Promise<string>;
}

export interface AptProxyParts {
  readonly lists: SignedLists;
  readonly mirror: Mirror;
  readonly exchange: SiteExchange;
  /** Those of apt's sources, as they are now. */
  readonly hosts: () => ReadonlySet<string>;
  /** How often apt hears that its answer will come; see `SlowAnswer`. */
  readonly lineEveryMs?: number;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

/** Where the lists take longer to read, as the first time on a slow card, a package comes from the mirror. */
const listsWithinMs = 8_000;
const mostConnections = 64;
const mostHeaderBytes = 8_192;
const mostRedirects = 3;
/** What a mirror is told of apt's request: nothing of this connection, nothing that apt does not send. */
const told = [
  ...['accept', 'user-agent', 'range', 'if-range', 'if-modified-since', 'cache-control'],
  // As without us, it goes to the host alone for which apt knows it.
  'authorization',
];
/** Of the connection to the mirror alone (RFC 9110, 7.6.1). */
const ofConnection = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;

export class AptProxy {
  readonly #parts: AptProxyParts;
  readonly #server: Server;
  /** Of each line: when what was asked last is answered. apt asks ten at a time. */
  readonly #turns = new WeakMap<Socket, Promise<void>>();
  /** Packages that came through the site, and that came from mirrors though the lists name them. */
  readonly count = { site: 0, mirrors: 0 };

  constructor(parts: AptProxyParts) {
    this.#parts = parts;
    const options = {
      maxHeaderSize: mostHeaderBytes,
      headersTimeout: 10_000,
      requestTimeout: 15_000,
    };
    this.#server = createServer(options, (request, response) => void this.#take(request, response));
    this.#server.maxConnections = mostConnections;
    // Each request that waits listens for its end.
    this.#server.on('connection', (socket) => socket.setMaxListeners(0));
    this.#server.on('connect', (_request, socket) => {
      // Nobody else listens to a socket that is given away like this.
      socket.on('error', () => undefined);
      const refused = 'HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n';
      // Who keeps its end open would keep ours: the server no longer knows of it.
      socket.end(refused, () => socket.destroy());
    });
  }

  /** Listens on loopback only; 0: on any free port. Rejects when the port is taken. */
  async start(port: number): Promise<void> {
    await once(this.#server.listen(port, '127.0.0.1'), 'listening');
  }

  get port(): number {
    // It listens on TCP.
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server.close(), 'close');
    this.#parts.lists.stop();
    this.#parts.mirror.stop();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const { method = '', url = '' } = request;
    // A body is nothing that apt sends, and what two programs may count differently.
    const hasBody = 'content-length' in request.headers || 'transfer-encoding' in request.headers;
    const target = hasBody ? bodyRefused : judgeTarget({ method, url }, this.#parts.hosts());
    if (method === 'GET' && url.startsWith('/way?')) return this.#tellWay(url.slice(5), response);
    if (target.kind === 'refused') return say(response, target.status, target.reason);
    const { socket } = request;
    const turn = this.#turns.get(socket) ?? Promise.resolve();
    this.#turns.set(socket, new Promise((resolve) => response.once('close', resolve)));
    const gone = new AbortController();
    // An answer that waits for its turn hears nothing of it.
    const leave = (): void => gone.abort(new Error('apt has gone'));
    socket.once('close', leave);
    try {
      await this.#answer({ request, response, turn, address: target.address }, gone.signal);
    } catch (error) {
      const isLate = response.headersSent || response.destroyed;
      if (gone.signal.aborted || isLate) return void response.destroy();
      say(response, 502, error instanceof MirrorError ? error.message : 'the mirror broke off.');
    } finally {
      socket.off('close', leave);
    }
  }

  /** What `detect-script.ts` asks, before apt asks for anything of a host. */
  async #tellWay(url: string, response: ServerResponse): Promise<void> {
    // It may have stopped by the time the name is found.
    const proxy = `http://127.0.0.1:${this.port}`;
    const target = judgeTarget({ method: 'GET', url }, this.#parts.hosts());
    const isMine =
      target.kind === 'allowed' && (await this.#parts.mirror.isPublic(target.address.hostname));
    response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' });
    response.end(isMine ? proxy : 'DIRECT');
  }

  async #answer(asked: Asked, signal: AbortSignal): Promise<void> {
    const { request, response, address } = asked;
    const isPart = 'range' in request.headers;
    // What a mirror gives to some alone is nothing to give on.
    const isPrivate = 'authorization' in request.headers;
    const isNamed = request.method === 'GET' && address.pathname.endsWith('.deb');
    const isDeb = isNamed && !isPart && !isPrivate;
    const deb = isDeb ? await this.#lookUp(address) : null;
    if (deb === null) return await this.#throughMirror(asked, signal);
    const slow = new SlowAnswer(response, this.#parts.lineEveryMs);
    try {
      const path = await this.#throughSite(deb, asked, signal);
      await untilTurn(asked, signal);
      if (path !== null && (await slow.sendFile(path, deb.sizeBytes))) {
        this.count.site += 1;
        return;
      }
      this.count.mirrors += 1;
      if (slow.hasBegun) await this.#finish(slow, { deb, address }, signal);
      else await this.#throughMirror(asked, signal);
    } catch (error) {
      // No other answer can follow: it is broken off, and apt asks again.
      if (slow.hasBegun) response.destroy();
      throw error;
    } finally {
      slow.end();
    }
  }

  /** apt has heard that it will have the package, so that anything else of its mirror's is an end. */
  async #finish(slow: SlowAnswer, { deb, address }: Named, signal: AbortSignal): Promise<void> {
    const { mirror } = this.#parts;
    const { sizeBytes } = deb;
    const [from, answer] = await askFor({ mirror, address }, signal);
    await slow.send([answer, exactly(sizeBytes, from)], sizeBytes);
  }

  #lookUp(address: URL): Promise<Deb | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), listsWithinMs);
      void this.#parts.lists.find(address).then((deb) => {
        clearTimeout(timer);
        resolve(deb);
      });
    });
  }

  /** null: the exchange has no way to it, or none in time. */
  async #throughSite(deb: Deb, { address }: Asked, signal: AbortSignal) {
    const { exchange, mirror, log } = this.#parts;
    const fetchFromSource: ForeignBlob['fetchFromSource'] = (file, ended) =>
      fetchTo(file, { mirror, address, sizeBytes: deb.sizeBytes }, ended);
    try {
      return await exchange.get({ ...deb, fetchFromSource }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      log('a package comes from its mirror', { address: address.href, why: String(error) });
      return null;
    }
  }

  async #throughMirror(asked: Asked, signal: AbortSignal): Promise<void> {
    // A mirror would not wait for as long as apt does.
    await untilTurn(asked, signal);
    const { request, response, address } = asked;
    const headers: Record<string, string> = {};
    for (const name of told) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const ask = { method: request.method ?? 'GET', address, headers };
    const answer = await this.#parts.mirror.ask(ask, signal);
    const kept = Object.entries(answer.headers).filter(([name]) => !ofConnection.test(name));
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept));
    await pipeline(answer, response);
  }
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly address: URL;
  /** When all that was asked before on its line is answered. */
  readonly turn: Promise<void>;
}

/** Rejects with the signal's reason. */
function untilTurn({ turn }: Asked, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
    void turn.then(resolve);
  });
}

const bodyRefused = {
  kind: 'refused',
  status: 400,
  reason: 'wanted a request without a body: apt sends none.',
} as const;

function say(response: ServerResponse, status: number, reason: string): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', connection: 'close' };
  response.writeHead(status, headers).end(`punnet-agent: ${reason}\n`);
}

interface Named {
  readonly deb: Deb;
  readonly address: URL;
}

interface Source {
  readonly mirror: Mirror;
  readonly address: URL;
}

async function fetchTo(
  file: string,
  { sizeBytes, ...source }: Source & { readonly sizeBytes: number },
  signal: AbortSignal,
): Promise<void> {
  const [from, answer] = await askFor(source, signal);
  await pipeline(answer, exactly(sizeBytes, from), createWriteStream(file), { signal });
}

/** An answer of 200, and who gives it: mirrors send on to others, as Raspbian's do. */
async function askFor(
  { mirror, address }: Source,
  signal: AbortSignal,
): Promise<readonly [from: URL, answer: IncomingMessage]> {
  let from = address;
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    const answer = await mirror.ask({ method: 'GET', address: from, headers: {} }, signal);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200) return [from, answer];
    // Its text is not read: it may have no end.
    answer.destroy();
    if (statusCode < 300 || statusCode > 399 || headers.location === undefined) {
      throw new MirrorError(`${from.href}: wanted the package, found status ${statusCode}.`);
    }
    from = sentOnTo(headers.location, from);
  }
  throw new MirrorError(`${address.href}: sent on more than ${mostRedirects} times.`);
}

/** Where it is sent to must pass all that apt's own request must, but for its host being in the sources. */
function sentOnTo(location: string, from: URL): URL {
  const next = parseAddress(location, from);
  const hosts = new Set(next === null ? [] : [next.hostname]);
  const target = judgeTarget({ method: 'GET', url: next?.href ?? '' }, hosts);
  if (target.kind === 'allowed') return target.address;
  throw new MirrorError(`${from.href} is sent on to ${location}: ${target.reason}`);
}

/** Neither more bytes nor fewer. */
function exactly(sizeBytes: number, { href }: URL): Transform {
  let count = 0;
  const wrong = () => new MirrorError(`${href}: wanted ${sizeBytes} bytes, found ${count}.`);
  return new Transform({
    transform(part: Buffer, _encoding, next) {
      count += part.length;
      if (count > sizeBytes) return next(wrong());
      next(null, part);
    },
    flush(next) {
      next(count === sizeBytes ? null : wrong());
    },
  });
}

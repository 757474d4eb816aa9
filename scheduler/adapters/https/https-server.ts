// The scheduler's HTTPS port: enrolment, and blobs for nodes that hold a capability.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EnrolRequest, EnrolResponse, RenewRequest } from '../../../proto/gen/punnet/v1/agent.ts';
import { BlobError } from '../blobs/blob-error.ts';
import type { BlobIndexes } from '../blobs/blob-indexes.ts';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { KeptOutputs } from '../blobs/kept-outputs.ts';
import type { Capability, CapabilitySigner } from '../blobs/capability.ts';
import { HttpError } from './http-error.ts';
import type { SiteRate } from './pacer.ts';
import { Pacer } from './pacer.ts';
import { askedPart, contentRange } from './ranges.ts';
import { RefusalMeter } from './refusal-meter.ts';

export type Enrolment =
  | { readonly kind: 'enrolled'; readonly response: EnrolResponse }
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly reason: string;
      readonly field: string;
    };

export interface HttpsOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly keyPem: string;
  readonly certificatePem: string;
  /** Shown to agents beside the server's certificate: their token names it. */
  readonly caPem: string;
  /** What anybody may fetch, by path: the CA's certificate, and what installs an agent. */
  readonly files: ReadonlyMap<string, PublicFile>;
  /** Of the federation's releases, by name; undefined: there is none. */
  readonly releaseFile: (name: string) => Buffer | undefined;
  readonly blobs: BlobStore;
  readonly indexes: Pick<BlobIndexes, 'read'>;
  readonly signer: CapabilitySigner;
  readonly now: () => number;
  readonly enrol: (request: EnrolRequest) => Promise<Enrolment>;
  readonly renew: (request: RenewRequest) => Promise<Enrolment>;
  readonly isNodeAdmitted: (nodeId: string) => boolean;
  /** Whether a result of the node's lease may still be of use. */
  readonly isLeaseOf: (nodeId: string, leaseId: number) => boolean;
  readonly siteRate: (nodeId: string) => SiteRate | undefined;
  readonly kept: Pick<KeptOutputs, 'bring' | 'came'>;
  /** How often who waits for a kept output hears that it comes; 20 s if not given: agents wait a minute for a byte. */
  readonly processingEveryMs?: number;
}

export interface PublicFile {
  readonly type: string;
  readonly bytes: Buffer;
}

const maxEnrolBytes = 64 * 1024;
/** For all of them, on the thinnest line. */
const enrolMs = 30_000;
/** No byte either way for so long: the other end is gone. A thin line has a byte now and then. */
const idleMs = 10 * 60_000;

const processingEveryMs = 20_000;

class RefusedEnrolment extends HttpError {
  override readonly field: string;

  constructor({ code, reason, field }: Extract<Enrolment, { kind: 'refused' }>) {
    super(403, code, reason);
    this.field = field;
  }
}

export class HttpsServer {
  readonly #options: HttpsOptions;
  readonly #server: Server;
  readonly #refusals = new RefusalMeter();
  /** What answers the bytes that are sent there. */
  readonly #admissions: ReadonlyMap<string, (bytes: Buffer) => Promise<Enrolment>>;
  readonly #pacer = new Pacer({
    nowMs: () => performance.now(),
    callAfter: (spanMs, callback) => void setTimeout(callback, spanMs),
  });

  constructor(options: HttpsOptions) {
    this.#options = options;
    const { keyPem, certificatePem, caPem, enrol, renew } = options;
    this.#admissions = new Map([
      ['/v1/enrol', asking('EnrolRequest', (bytes) => EnrolRequest.decode(bytes), enrol)],
      ['/v1/renew', asking('RenewRequest', (bytes) => RenewRequest.decode(bytes), renew)],
    ]);
    const tls = { key: keyPem, cert: `${certificatePem.trimEnd()}\n${caPem}` };
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(request, response);
    this.#server = createServer(tls, answer);
    // A node that asks (Expect: 100-continue) before it sends what may be here already.
    this.#server.on('checkContinue', answer);
    this.#server.requestTimeout = 0; // A thin line takes hours for a large result.
    this.#server.timeout = idleMs;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, resolve);
    });
  }

  /** The port it listens on. */
  get port(): number {
    // A server that listens on TCP has an address with a port.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes over a site's uplink since the start. */
  bytes(siteId: string, direction: 'down' | 'up'): number {
    return this.#pacer.bytes(siteId, direction);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const { status, code, message, field } = asHttpError(error);
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify({ code, reason: message, field }));
    }
  }

  #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    if (url === '/healthz') {
      response.end('ok\n');
      return Promise.resolve();
    }
    if (url === '/v1/address') {
      response.end(`${request.socket.remoteAddress ?? ''}\n`);
      return Promise.resolve();
    }
    const file = this.#options.files.get(url);
    if (file !== undefined && (method === 'GET' || method === 'HEAD')) {
      const { type, bytes } = file;
      response.writeHead(200, { 'content-type': type, 'content-length': bytes.length });
      response.end(method === 'GET' ? bytes : undefined);
      return Promise.resolve();
    }
    const name = /^\/v1\/releases\/([\w.]{1,40})$/.exec(url)?.[1];
    if (name !== undefined && method === 'GET') return this.#releaseFile(name, response);
    const answerTo = method === 'POST' ? this.#admissions.get(url) : undefined;
    if (answerTo !== undefined) return this.#admit(request, response, answerTo);
    const indexed = /^\/v1\/index\/([0-9a-f]{64})$/.exec(url)?.[1];
    if (indexed !== undefined && method === 'GET') return this.#index(indexed, request, response);
    const sha256 = /^\/v1\/blob\/([0-9a-f]{64})$/.exec(url)?.[1];
    if (sha256 === undefined) throw new HttpError(404, 'not_found', `There is no ${url}.`);
    if (method === 'GET' || method === 'HEAD') return this.#get(sha256, request, response);
    if (method === 'PUT') return this.#put(sha256, request, response);
    throw new HttpError(405, 'method', `${method} can't be used on a blob: GET, HEAD or PUT.`);
  }

  #releaseFile(name: string, response: ServerResponse): Promise<void> {
    const bytes = this.#options.releaseFile(name);
    if (bytes === undefined) throw new HttpError(404, 'not_found', `There is no ${name} here.`);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
    response.end(bytes);
    return Promise.resolve();
  }

  async #admit(
    request: IncomingMessage,
    response: ServerResponse,
    answerTo: (bytes: Buffer) => Promise<Enrolment>,
  ): Promise<void> {
    const address = request.socket.remoteAddress ?? '';
    if (this.#refusals.isOver(address, this.#options.now())) {
      throw new HttpError(429, 'too_often', 'Too many refused enrolments: wait a minute.');
    }
    const parts: Buffer[] = [];
    let size = 0;
    // A stranger who sends a byte now and then would keep the socket for ever.
    const late = setTimeout(() => request.destroy(), enrolMs);
    request.once('close', () => clearTimeout(late));
    if (request.headers.expect !== undefined) response.writeContinue();
    for await (const part of request) {
      size += (part as Buffer).length;
      if (size > maxEnrolBytes) {
        throw new HttpError(413, 'too_long', `Enrolment takes at most ${maxEnrolBytes} bytes.`);
      }
      parts.push(part as Buffer);
    }
    const answer = await answerTo(Buffer.concat(parts));
    if (answer.kind === 'refused') {
      this.#refusals.count(address);
      throw new RefusedEnrolment(answer);
    }
    response.writeHead(200, { 'content-type': 'application/x-protobuf' });
    response.end(EnrolResponse.encode(answer.response).finish());
  }

  #capability(request: IncomingMessage): Capability {
    const text = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const capability = this.#options.signer.verify(text, this.#options.now());
    if (capability === undefined) {
      throw new HttpError(401, 'capability', 'The capability is missing, forged or expired.');
    }
    if (!this.#options.isNodeAdmitted(capability.nodeId)) {
      throw new HttpError(403, 'node', 'This node was revoked or is quarantined.');
    }
    return capability;
  }

  async #get(sha256: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const capability = this.#capability(request);
    if (capability.kind === 'put' && request.method === 'HEAD') {
      return this.#tellOffset(sha256, capability, response);
    }
    mustRead(capability, sha256);
    const size =
      (await this.#bring(capability, response)) ?? (await this.#options.blobs.size(sha256));
    if (size === undefined) throw new HttpError(404, 'not_found', `There is no blob ${sha256}.`);
    const part = askedPart(request.headers.range, size);
    const { offset, length } = part ?? { offset: 0, length: size };
    const headers = {
      'content-type': 'application/octet-stream',
      'content-length': length,
      'accept-ranges': 'bytes',
      ...(part === null
        ? {}
        : { 'content-range': `bytes ${offset}-${offset + length - 1}/${size}` }),
    };
    response.writeHead(part === null ? 200 : 206, headers);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    await this.#send(capability, this.#options.blobs.read(sha256, { offset, length }), response);
  }

  /** The size of a blob that a node keeps, when it is here; undefined: no node keeps it. */
  async #bring(capability: Capability, response: ServerResponse): Promise<number | undefined> {
    if (capability.kind !== 'get' || capability.kept === undefined) return undefined;
    const { sha256, kept } = capability;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const everyMs = this.#options.processingEveryMs ?? processingEveryMs;
    const timer = setInterval(() => response.writeProcessing(), everyMs);
    try {
      const problem = await this.#options.kept.bring({ ...kept, sha256 }, gone.signal);
      if (problem === null) return kept.sizeBytes;
      throw new HttpError(problem.code === 'gone' ? 404 : 503, problem.code, problem.text);
    } finally {
      clearInterval(timer);
    }
  }

  /** The chunks of a blob (.caibx), for who may read it. It is made first when nobody wanted it before. */
  async #index(sha256: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const capability = this.#capability(request);
    mustRead(capability, sha256);
    const bytes = await this.#options.indexes.read(sha256);
    if (bytes === undefined) {
      throw new HttpError(404, 'not_found', `There is no index of blob ${sha256}.`);
    }
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': bytes.length,
    });
    await this.#send(capability, Readable.from([bytes]), response);
  }

  async #send({ nodeId }: Capability, source: Readable, response: ServerResponse): Promise<void> {
    const pace = this.#pacer.stream(() => this.#options.siteRate(nodeId), 'down');
    await pipeline(source, pace, response);
  }

  /** How much of a result is here, of this node's. */
  async #tellOffset(
    sha256: string,
    { nodeId }: Capability,
    response: ServerResponse,
  ): Promise<void> {
    const { blobs } = this.#options;
    const blob = { sha256, sizeBytes: Number.MAX_SAFE_INTEGER };
    response.setHeader('upload-offset', await blobs.committed(senderOf(nodeId), blob));
    response.end();
  }

  async #put(sha256: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const capability = this.#capability(request);
    const length = Number(request.headers['content-length']);
    const { offset, size } = contentRange(request.headers['content-range'], length);
    if (capability.kind !== 'put') {
      throw new HttpError(403, 'capability', 'The capability is for reading.');
    }
    if (!Number.isSafeInteger(size) || length < 0) {
      throw new HttpError(411, 'length', 'A blob is sent with its content-length.');
    }
    if (size > capability.maxBytes) {
      const reason = `This lease may send blobs of at most ${capability.maxBytes} bytes, not ${size}.`;
      throw new HttpError(413, 'too_long', reason);
    }
    const isAsking = request.headers.expect !== undefined;
    // What nobody needs is as good as here: its end is acknowledged when the node says it.
    if (!this.#isOfUse(capability) || (await this.#options.blobs.size(sha256)) === size) {
      // Who asked first sends nothing: this connection can't carry another request.
      if (isAsking) response.setHeader('connection', 'close');
      request.resume();
    } else {
      if (isAsking) response.writeContinue();
      const pace = this.#pacer.stream(() => this.#options.siteRate(capability.nodeId), 'up');
      const pacing = pipeline(request, pace);
      const from = { sender: senderOf(capability.nodeId), offset };
      const blob = { sha256, sizeBytes: size };
      await Promise.all([this.#options.blobs.resume(pace, blob, from), pacing]);
      this.#options.kept.came(sha256);
    }
    response.writeHead(201);
    response.end();
  }

  #isOfUse({ nodeId, leaseId }: Extract<Capability, { kind: 'put' }>): boolean {
    return leaseId === null || this.#options.isLeaseOf(nodeId, leaseId);
  }
}

function mustRead(capability: Capability, sha256: string): void {
  if (capability.kind === 'get' && capability.sha256 === sha256) return;
  throw new HttpError(403, 'capability', 'The capability is for something else.');
}

/** Answers the bytes of a message. */
function asking<Message>(
  name: string,
  decode: (bytes: Uint8Array) => Message,
  answer: (message: Message) => Promise<Enrolment>,
) {
  return (bytes: Buffer): Promise<Enrolment> => {
    let message;
    try {
      message = decode(bytes);
    } catch {
      throw new HttpError(400, 'invalid', `These bytes are no ${name}.`);
    }
    return answer(message);
  };
}

/** No researcher has such a name. */
function senderOf(nodeId: string): string {
  return `node ${nodeId}`;
}

const blobStatuses: Readonly<Record<string, number>> = {
  not_found: 404,
  invalid: 400,
  wrong_hash: 422,
  too_long: 422,
  too_short: 422,
  offset: 409,
  disk_full: 507,
};

function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof BlobError) {
    return new HttpError(blobStatuses[error.code] ?? 500, error.code, error.message);
  }
  return new HttpError(500, 'internal', error instanceof Error ? error.message : String(error));
}

// A gRPC server over TLS that speaks the contract and lies: what no real scheduler does, a fetch must
// survive. It has one job, j1, with one succeeded task, whose outputs tests choose.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, UntypedHandleCall } from '@grpc/grpc-js';
import { ByteStreamService } from '../../../proto/gen/google/bytestream/bytestream.ts';
import type { ReadRequest } from '../../../proto/gen/google/bytestream/bytestream.ts';
import { AttemptResult, Task, TaskState } from '../../../proto/gen/punnet/v1/job.ts';
import { JobServiceService } from '../../../proto/gen/punnet/v1/job_service.ts';
import { ApiError, toServiceError } from '../../../scheduler/api/errors.ts';
import { openPki } from '../../../scheduler/adapters/pki/pki.ts';
import { Connection } from '../../../scheduler/cli/connection.ts';

/** What it sends for an output: bytes as they are asked for, and how the stream ends. */
export interface Sending {
  readonly bytes: Buffer;
  /** Cut after so many bytes; each cut counts once. */
  cuts: number[];
  /** Bytes that it sends on top, again and again. */
  readonly isEndless?: boolean;
  /** Why it does not come. */
  readonly refusal?: ApiError;
  /** What it says that the hash is, when that is a lie. */
  readonly sha256?: string;
}

export class HostileScheduler {
  readonly folder: string;
  readonly connection: Connection;
  /** By output path. */
  readonly outputs = new Map<string, Sending>();
  readonly readOffsets: number[] = [];
  readonly #server: Server;

  private constructor(folder: string, server: Server, connection: Connection) {
    this.folder = folder;
    this.#server = server;
    this.connection = connection;
  }

  static async start(): Promise<HostileScheduler> {
    const folder = mkdtempSync(path.join(tmpdir(), 'punnet-hostile-'));
    const { keyPem, certificatePem, caPem } = await openPki(folder, ['localhost']);
    const pair = { private_key: Buffer.from(keyPem), cert_chain: Buffer.from(certificatePem) };
    const server = new Server();
    const holder: { it?: HostileScheduler } = {};
    const it = (): HostileScheduler => {
      if (holder.it === undefined) throw new Error('it has not started');
      return holder.it;
    };
    server.addService(JobServiceService, jobHandlers(it));
    server.addService(ByteStreamService, byteHandlers(it));
    const port = await new Promise<number>((resolve, reject) => {
      const secure = ServerCredentials.createSsl(null, [pair]);
      server.bindAsync('localhost:0', secure, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const context = { name: 'eve', endpoint: `localhost:${port}`, caPem, token: 'x' };
    holder.it = new HostileScheduler(folder, server, new Connection(context));
    return holder.it;
  }

  /** Bytes of an output, sent well unless told otherwise. */
  put(name: string, bytes: Buffer, lies: Partial<Sending> = {}): void {
    this.outputs.set(name, { bytes, cuts: [], ...lies });
  }

  reset(): void {
    this.outputs.clear();
    this.readOffsets.length = 0;
  }

  stop(): void {
    this.connection.close();
    this.#server.forceShutdown();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type Handlers = Record<string, UntypedHandleCall>;

function unary<Q, R>(answer: (request: Q) => R): UntypedHandleCall {
  return (call: { request: Q }, callback: sendUnaryData<R>) => callback(null, answer(call.request));
}

function jobHandlers(it: () => HostileScheduler): Handlers {
  const none: UntypedHandleCall = (_: unknown, callback: sendUnaryData<never>) =>
    callback({ code: status.UNIMPLEMENTED });
  return {
    ...{ submitJob: none, getJob: none, listJobs: none, watchJob: none, cancelJob: none },
    explainJob: none,
    listTasks: unary(() => {
      const task = Task.fromPartial({ jobId: 'j1', index: 0, state: TaskState.SUCCEEDED });
      return { tasks: [task], nextPageToken: '' };
    }),
    getTaskResult: unary(() => {
      const outputs = [...it().outputs].map(([name, { bytes, sha256 }]) => ({
        path: name,
        blob: {
          sha256: sha256 ?? createHash('sha256').update(bytes).digest('hex'),
          sizeBytes: bytes.length,
        },
      }));
      return { task: undefined, kept: [], result: AttemptResult.fromPartial({ outputs }) };
    }),
  };
}

interface ReadCall {
  readonly request: ReadRequest;
  readonly cancelled: boolean;
  write(message: { data: Buffer }): boolean;
  end(): void;
  emit(event: 'error', error: object): boolean;
}

function byteHandlers(it: () => HostileScheduler): Handlers {
  return {
    write: unary(() => ({ committedSize: 0 })),
    queryWriteStatus: unary(() => ({ committedSize: 0, complete: false })),
    read: (call: ReadCall) => {
      const { resourceName, readOffset } = call.request;
      it().readOffsets.push(readOffset);
      const sending = it().outputs.get(resourceName.replace('jobs/j1/tasks/0/outputs/', ''));
      if (sending === undefined) return void call.emit('error', { code: status.NOT_FOUND });
      if (sending.refusal !== undefined) {
        return void call.emit('error', toServiceError(sending.refusal));
      }
      const cut = sending.cuts.shift();
      call.write({ data: sending.bytes.subarray(readOffset, cut) });
      if (sending.isEndless === true) return pour(call);
      if (cut === undefined) call.end();
      else call.emit('error', { code: status.UNAVAILABLE, details: 'cut' });
    },
  };
}

function pour(call: ReadCall): void {
  if (call.cancelled) return;
  call.write({ data: Buffer.alloc(1000) });
  setImmediate(() => pour(call));
}

// A small gRPC server over TLS that answers like a scheduler with one job; for the CLI's tests.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServiceError, UntypedHandleCall } from '@grpc/grpc-js';
import { ByteStreamService } from '../../../proto/gen/google/bytestream/bytestream.ts';
import type { ReadRequest, WriteRequest } from '../../../proto/gen/google/bytestream/bytestream.ts';
import { BadRequest } from '../../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../../proto/gen/google/rpc/status.ts';
import { BlobServiceService } from '../../../proto/gen/punnet/v1/blob_service.ts';
import type { FindMissingBlobsRequest } from '../../../proto/gen/punnet/v1/blob_service.ts';
import { Job, JobState, Task, TaskState } from '../../../proto/gen/punnet/v1/job.ts';
import { JobServiceService } from '../../../proto/gen/punnet/v1/job_service.ts';
import type { SubmitJobRequest } from '../../../proto/gen/punnet/v1/job_service.ts';

/** What the fake was told and what it answers; tests change it. */
export class FakeScheduler {
  readonly blobs = new Map<string, Buffer>();
  readonly submits: SubmitJobRequest[] = [];
  readonly outputs = new Map<string, Buffer>();
  badHash = false;
  endState: JobState = JobState.SUCCEEDED;
  refuse: { readonly field: string; readonly description: string } | undefined;
  readOffsets: number[] = [];
  readonly folder: string;
  readonly port: number;
  readonly caPem: string;
  readonly #server: Server;

  constructor(server: Server, at: { folder: string; port: number; caPem: string }) {
    this.#server = server;
    this.folder = at.folder;
    this.port = at.port;
    this.caPem = at.caPem;
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Starts a fake on a free loopback port, with a certificate of its own. */
export async function startFake(): Promise<FakeScheduler> {
  const folder = await mkdtemp(path.join(tmpdir(), 'punnet-cli-'));
  const key = path.join(folder, 'key.pem');
  const cert = path.join(folder, 'cert.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', key, '-out', cert, '-days', '2'];
  execFileSync('openssl', [...kind, ...files, ...subject], { stdio: 'ignore' });
  const caPem = await readFile(cert, 'utf8');
  const pair = { private_key: await readFile(key), cert_chain: Buffer.from(caPem) };
  const server = new Server();
  const holder: { fake?: FakeScheduler } = {};
  const fake = (): FakeScheduler => {
    if (holder.fake === undefined) throw new Error('the fake has not started');
    return holder.fake;
  };
  server.addService(JobServiceService, jobHandlers(fake));
  server.addService(BlobServiceService, blobHandlers(fake));
  server.addService(ByteStreamService, byteHandlers(fake));
  const port = await new Promise<number>((resolve, reject) => {
    const secure = ServerCredentials.createSsl(null, [pair]);
    server.bindAsync('127.0.0.1:0', secure, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  holder.fake = new FakeScheduler(server, { folder, port, caPem });
  return holder.fake;
}

interface Call<Q> {
  readonly request: Q;
  readonly metadata: Metadata;
}
type Handlers = Record<string, UntypedHandleCall>;

function unary<Q, R>(answer: (request: Q) => R): UntypedHandleCall {
  return (call: Call<Q>, callback: sendUnaryData<R>) => {
    if (call.metadata.get('authorization')[0] !== 'Bearer good') {
      callback(failure(status.UNAUTHENTICATED, 'this token has expired'));
      return;
    }
    try {
      callback(null, answer(call.request));
    } catch (error) {
      callback(error as ServiceError); // The answers below throw nothing else.
    }
  };
}

function failure(code: number, details: string, metadata = new Metadata()): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata });
}

function jobHandlers(fake: () => FakeScheduler): Handlers {
  const job = (state: JobState, done: number): Job =>
    Job.fromPartial({
      jobId: 'j1',
      researcher: 'alice',
      spec: { name: 'primes' },
      state,
      counts: { total: 2, succeeded: done, running: 2 - done },
    });
  const none = unary(() => {
    throw failure(status.UNIMPLEMENTED, 'not in this fake');
  });
  return {
    submitJob: unary((request: SubmitJobRequest) => {
      fake().submits.push(request);
      const violation = fake().refuse;
      if (violation === undefined) return { job: job(JobState.ACTIVE, 0) };
      const value = Buffer.from(BadRequest.encode(badRequest(violation)).finish());
      const details = [{ typeUrl: 'type.googleapis.com/google.rpc.BadRequest', value }];
      const metadata = new Metadata();
      const bytes = Status.encode({ code: 3, message: 'bad', details }).finish();
      metadata.set('grpc-status-details-bin', Buffer.from(bytes));
      throw failure(status.INVALID_ARGUMENT, 'bad', metadata);
    }),
    getJob: unary((request: { jobId: string }) => {
      if (request.jobId !== 'j1') throw failure(status.NOT_FOUND, `no job ${request.jobId}`);
      return { job: job(fake().endState, 2) };
    }),
    listJobs: unary(({ name }: { name: string }) => ({
      jobs: name === '' || name === 'primes' ? [job(fake().endState, 2)] : [],
      nextPageToken: '',
    })),
    watchJob: (call: { write(message: unknown): void; end(): void }) => {
      call.write({ job: job(JobState.ACTIVE, 1) });
      call.write({ job: job(fake().endState, 2) });
      call.end();
    },
    cancelJob: none,
    listTasks: unary(() => {
      const task = Task.fromPartial({ jobId: 'j1', index: 0, state: TaskState.SUCCEEDED });
      return { tasks: [task], nextPageToken: '' };
    }),
    getTaskResult: unary(() => ({
      task: undefined,
      result: { outputs: outputsOf(fake()), logTail: Buffer.from('hello\n'), detail: '' },
    })),
    explainJob: none,
  };
}

function badRequest(violation: { field: string; description: string }): BadRequest {
  return BadRequest.fromPartial({ fieldViolations: [violation] });
}

function outputsOf(fake: FakeScheduler): { path: string; blob: object }[] {
  return [...fake.outputs].map(([name, bytes]) => ({
    path: name,
    blob: {
      sha256: fake.badHash ? '0'.repeat(64) : createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
    },
  }));
}

function blobHandlers(fake: () => FakeScheduler): Handlers {
  return {
    findMissingBlobs: unary((request: FindMissingBlobsRequest) => ({
      missing: request.blobs.filter((blob) => !fake().blobs.has(blob.sha256)),
    })),
  };
}

function byteHandlers(fake: () => FakeScheduler): Handlers {
  return {
    read: (call: { request: ReadRequest; write(message: unknown): void; end(): void }) => {
      const { resourceName, readOffset } = call.request;
      fake().readOffsets.push(readOffset);
      const bytes = fake().outputs.get(resourceName.replace('jobs/j1/tasks/0/outputs/', ''));
      call.write({ data: (bytes ?? Buffer.alloc(0)).subarray(readOffset) });
      call.end();
    },
    write: (
      call: AsyncIterable<WriteRequest>,
      callback: sendUnaryData<{ committedSize: number }>,
    ) => {
      void (async () => {
        const parts: Buffer[] = [];
        let name = '';
        for await (const { resourceName, data } of call) {
          name = resourceName;
          parts.push(data);
        }
        const bytes = Buffer.concat(parts);
        fake().blobs.set(name.split('/')[3] ?? '', bytes);
        callback(null, { committedSize: bytes.length });
      })();
    },
    queryWriteStatus: unary(() => ({ committedSize: 0, complete: false })),
  };
}

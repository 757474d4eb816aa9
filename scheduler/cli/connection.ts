// The gRPC clients of one context, over TLS with the context's CA and its token in each call.
import {
  credentials,
  Metadata,
  status,
  type CallOptions,
  type ClientOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { ByteStreamClient } from '../../proto/gen/google/bytestream/bytestream.ts';
import { AuditServiceClient } from '../../proto/gen/punnet/v1/audit_service.ts';
import { BlobServiceClient } from '../../proto/gen/punnet/v1/blob_service.ts';
import { JobState, type Job } from '../../proto/gen/punnet/v1/job.ts';
import { JobServiceClient } from '../../proto/gen/punnet/v1/job_service.ts';
import {
  type Node,
  NodeServiceClient,
  SiteServiceClient,
} from '../../proto/gen/punnet/v1/node_service.ts';
import { ReleaseServiceClient } from '../../proto/gen/punnet/v1/release_service.ts';
import { ResearcherServiceClient } from '../../proto/gen/punnet/v1/researcher_service.ts';
import { TokenServiceClient } from '../../proto/gen/punnet/v1/token_service.ts';
import type { Context } from './context.ts';
import { badInput, CliError, exitCodes, fromServiceError, isServiceError } from './errors.ts';

// A submit of 100,000 tasks takes about a second; a minute is a scheduler in trouble.
const callTimeoutMs = 60_000;

// oxlint-disable-next-line max-params -- the form of grpc-js
type Unary<Q, R> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: R) => void,
) => unknown;

/** One scheduler as one user sees it. Close it when the command is done. */
export class Connection {
  readonly endpoint: string;
  readonly metadata = new Metadata();
  readonly jobs: JobServiceClient;
  readonly blobs: BlobServiceClient;
  readonly bytes: ByteStreamClient;
  readonly nodes: NodeServiceClient;
  readonly sites: SiteServiceClient;
  readonly researchers: ResearcherServiceClient;
  readonly releases: ReleaseServiceClient;
  readonly tokens: TokenServiceClient;
  readonly audit: AuditServiceClient;

  constructor(context: Context) {
    this.endpoint = context.endpoint;
    this.metadata.set('authorization', `Bearer ${context.token}`);
    const channel = credentials.createSsl(Buffer.from(context.caPem));
    const options: Partial<ClientOptions> = {
      'grpc.keepalive_time_ms': 30_000,
      // A machine that is busy with tasks may be slow to answer.
      'grpc.keepalive_timeout_ms': 60_000,
      // A restarted scheduler is found again soon: the default waits up to two minutes.
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 2_000,
    };
    this.jobs = new JobServiceClient(context.endpoint, channel, options);
    this.blobs = new BlobServiceClient(context.endpoint, channel, options);
    this.bytes = new ByteStreamClient(context.endpoint, channel, options);
    this.nodes = new NodeServiceClient(context.endpoint, channel, options);
    this.sites = new SiteServiceClient(context.endpoint, channel, options);
    this.researchers = new ResearcherServiceClient(context.endpoint, channel, options);
    this.releases = new ReleaseServiceClient(context.endpoint, channel, options);
    this.tokens = new TokenServiceClient(context.endpoint, channel, options);
    this.audit = new AuditServiceClient(context.endpoint, channel, options);
  }

  close(): void {
    const { jobs, blobs, bytes, nodes, sites, researchers, releases, tokens, audit } = this;
    const clients = [jobs, blobs, bytes, nodes, sites, researchers, releases, tokens, audit];
    for (const client of clients) client.close();
  }

  /** Calls `method`, bound to its client. Throws the ServiceError as it came. */
  async raw<Q, R>(method: Unary<Q, R>, request: Q): Promise<R> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + callTimeoutMs };
      method(request, this.metadata, options, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  /** Calls `method`, bound to its client. Throws a CliError in plain words. */
  async call<Q, R>(method: Unary<Q, R>, request: Q): Promise<R> {
    try {
      return await this.raw(method, request);
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** A gRPC error in plain words; any other error as it is. */
  explain(error: unknown): unknown {
    return isServiceError(error) ? fromServiceError(error, this.endpoint) : error;
  }

  /** The job with this id, or else the newest job of that name. Throws when there is neither. */
  async findJob(idOrName: string): Promise<Job> {
    try {
      const method = this.jobs.getJob.bind(this.jobs);
      const { job } = await this.raw(method, { jobId: idOrName });
      if (job !== undefined) return job;
    } catch (error) {
      const isOther = isServiceError(error) && !isNoSuchId(error.code);
      if (!isServiceError(error) || isOther) throw this.explain(error);
    }
    const request = { pageSize: 1, pageToken: '', state: JobState.UNSPECIFIED, name: idOrName };
    const { jobs } = await this.call(this.jobs.listJobs.bind(this.jobs), request);
    if (jobs[0] !== undefined) return jobs[0];
    throw new CliError(
      `no job of yours has the id or the name "${idOrName}": see "punnet jobs"`,
      exitCodes.notFound,
    );
  }

  /** The node with this id, or else the one of that name. Throws when there is none, or several. */
  async findNode(idOrName: string): Promise<Node> {
    const list = this.nodes.listNodes.bind(this.nodes);
    const nodes = await allPages(
      (pageToken) => this.call(list, { pageSize: 1000, pageToken, siteId: '' }),
      (response) => response.nodes,
    );
    const found = nodes.filter(({ nodeId, name }) => nodeId === idOrName || name === idOrName);
    const [first, second] = found;
    if (first === undefined) {
      const message = `no node has the id or the name "${idOrName}": see "punnet nodes"`;
      throw new CliError(message, exitCodes.notFound);
    }
    if (second === undefined) return first;
    const ids = found.map((node) => node.nodeId).join(', ');
    throw badInput(`${found.length} nodes are named "${idOrName}": give the id of one: ${ids}`);
  }
}

/** All items of a paged list, in order. */
export async function allPages<R extends { readonly nextPageToken: string }, T>(
  page: (pageToken: string) => Promise<R>,
  items: (response: R) => readonly T[],
): Promise<T[]> {
  const all: T[] = [];
  let pageToken = '';
  do {
    const response = await page(pageToken);
    for (const item of items(response)) all.push(item);
    pageToken = response.nextPageToken;
  } while (pageToken !== '');
  return all;
}

function isNoSuchId(code: number): boolean {
  return code === status.NOT_FOUND || code === status.INVALID_ARGUMENT;
}

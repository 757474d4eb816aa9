// The gRPC server: the services over TLS, with health and reflection, so that ordinary tools work.

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { ByteStreamService } from '../../proto/gen/google/bytestream/bytestream.ts';
import { AuditServiceService } from '../../proto/gen/punnet/v1/audit_service.ts';
import { BlobServiceService } from '../../proto/gen/punnet/v1/blob_service.ts';
import { JobServiceService } from '../../proto/gen/punnet/v1/job_service.ts';
import { NodeServiceService, SiteServiceService } from '../../proto/gen/punnet/v1/node_service.ts';
import { ReleaseServiceService } from '../../proto/gen/punnet/v1/release_service.ts';
import { ResearcherServiceService } from '../../proto/gen/punnet/v1/researcher_service.ts';
import { TokenServiceService } from '../../proto/gen/punnet/v1/token_service.ts';
import { auditService } from './audit-service.ts';
import { blobService } from './blob-service.ts';
import { byteStream } from './byte-stream.ts';
import type { ApiDeps } from './deps.ts';
import { jobService } from './job-service.ts';
import { nodeService } from './node-service.ts';
import { addReflection } from './reflection.ts';
import { releaseService } from './release-service.ts';
import { researcherService } from './researcher-service.ts';
import { siteService } from './site-service.ts';
import { tokenService } from './token-service.ts';
import { Watchers } from './watch.ts';

const options = {
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // A watcher whose machine went away without a word frees its place.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 60_000,
};

export class ApiServer {
  readonly #server: Server;
  readonly #watchers = new Watchers();
  readonly #health = new HealthImplementation({ '': 'SERVING' });

  constructor(deps: ApiDeps) {
    this.#server = new Server(options);
    this.#server.addService(JobServiceService, jobService(deps, this.#watchers));
    this.#server.addService(NodeServiceService, nodeService(deps));
    this.#server.addService(SiteServiceService, siteService(deps));
    this.#server.addService(ResearcherServiceService, researcherService(deps));
    this.#server.addService(ReleaseServiceService, releaseService(deps));
    this.#server.addService(TokenServiceService, tokenService(deps));
    this.#server.addService(AuditServiceService, auditService(deps));
    this.#server.addService(BlobServiceService, blobService(deps));
    this.#server.addService(ByteStreamService, byteStream(deps));
    this.#health.addToServer(this.#server);
    addReflection(this.#server);
  }

  /** Listens; resolves with the port. Rejects when the port is in use. */
  async start(options: {
    /** As in an address: IPv6 in brackets. */
    readonly host: string;
    readonly port: number;
    readonly keyPem: string;
    readonly certificatePem: string;
  }): Promise<number> {
    const pair = {
      private_key: Buffer.from(options.keyPem),
      cert_chain: Buffer.from(options.certificatePem),
    };
    const credentials = ServerCredentials.createSsl(null, [pair]);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${options.host}:${options.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** Watchers of the job are told. */
  jobChanged(jobId: string): void {
    this.#watchers.changed(jobId);
  }

  stop(): void {
    this.#health.setStatus('', 'NOT_SERVING');
    this.#server.forceShutdown();
  }
}

// The operator's port: plain HTTP for whoever watches the scheduler. /metrics for Prometheus,
// /healthz while the process lives, /readyz while it can take work. Reading only, and no secrets.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/** Prometheus runs beside the scheduler, or behind a proxy that asks who it is. */
const loopback = '127.0.0.1';

export interface MetricsServerOptions {
  readonly port: number;
  readonly registry: Registry;
}

export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;
  #notReady: () => string | null = () => 'it is starting: the journal is being read';

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** It has started; `notReady` tells what keeps it from work since, or null. */
  readyUnless(notReady: () => string | null): void {
    this.#notReady = notReady;
  }

  /** Rejects when the port is in use. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, loopback, resolve);
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request;
    const [path = ''] = url.split('?');
    if (method !== 'GET' && method !== 'HEAD') return say(response, 405, 'wanted GET\n');
    if (path === '/healthz') return say(response, 200, 'ok\n');
    if (path === '/readyz') {
      const why = this.#notReady();
      return say(response, why === null ? 200 : 503, `${why ?? 'ok'}\n`);
    }
    if (path !== '/metrics') {
      return say(response, 404, 'there are /metrics, /healthz and /readyz\n');
    }
    const { registry } = this.#options;
    try {
      const text = await registry.metrics();
      response.setHeader('content-type', registry.contentType);
      say(response, 200, text);
    } catch (error) {
      say(response, 500, `${String(error)}\n`);
    }
  }
}

function say(response: ServerResponse, code: number, text: string): void {
  response.statusCode = code;
  response.end(text);
}

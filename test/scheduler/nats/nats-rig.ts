// The nats-server that a scheduler runs, without the scheduler, in a data folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptPorts } from '../../../scheduler/adapters/kept-ports.ts';
import { NatsIdentity } from '../../../scheduler/adapters/nats/nats-identity.ts';
import { EmbeddedNats } from '../../../scheduler/adapters/nats/nats-server.ts';
import type { Pki } from '../../../scheduler/adapters/pki/pki.ts';
import { openPki } from '../../../scheduler/adapters/pki/pki.ts';

const host = '127.0.0.1';

export interface Logged {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class NatsRig {
  readonly folder: string;
  readonly pki: Pki;
  readonly identity: NatsIdentity;
  readonly port: number;
  readonly logged: Logged[] = [];
  #server: EmbeddedNats | undefined;

  private constructor(parts: Pick<NatsRig, 'folder' | 'pki' | 'identity' | 'port'>) {
    this.folder = parts.folder;
    this.pki = parts.pki;
    this.identity = parts.identity;
    this.port = parts.port;
  }

  /** With a port and certificates of its own, unless they are given. */
  static async open(given: { readonly port?: number; readonly pki?: Pki } = {}): Promise<NatsRig> {
    const folder = mkdtempSync(join(tmpdir(), 'punnet-nats-'));
    const pki = given.pki ?? (await openPki(folder, []));
    const port = given.port ?? (await new KeptPorts(folder).port('nats', host));
    return new NatsRig({ folder, pki, identity: NatsIdentity.open(folder), port });
  }

  get server(): EmbeddedNats {
    if (this.#server === undefined) throw new Error('nats-server was not started');
    return this.#server;
  }

  async start(): Promise<void> {
    const { certificateFile, keyFile, caPem } = this.pki;
    this.#server = new EmbeddedNats({
      ...{ dataFolder: this.folder, host, port: this.port, identity: this.identity },
      ...{ certificateFile, keyFile, caPem },
      log: (event, fields) => this.logged.push({ event, fields }),
    });
    await this.#server.start();
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

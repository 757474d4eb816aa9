// The agent's folder: who this node is, how often it has started, and a lock. Written rarely, since
// SD cards wear.

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { statSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A mistake that its user can mend; told without a stack trace. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
}

export interface Identity {
  readonly nodeId: string;
  readonly federation: string;
  readonly siteId: string;
  readonly natsJwt: string;
  readonly natsUrls: readonly string[];
  readonly httpsUrl: string;
  readonly caPem: string;
}

/** Before enrolment: what makes asking again after a lost answer harmless. */
export interface NodeKeys {
  readonly natsSeed: string;
  readonly requestId: string;
}

/** Writes by a temporary name, fsync and rename: a reader sees all or nothing. */
export function writeDurably(file: string, text: string): void {
  const temporary = `${file}.new`;
  const handle = openSync(temporary, 'w', 0o600);
  writeSync(handle, text);
  fsyncSync(handle);
  closeSync(handle);
  renameSync(temporary, file);
}

export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o711 });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  readIdentity(): Identity | null {
    // Written by this program only, whole or not at all.
    return this.#readJson('identity.json') as Identity | null;
  }

  writeIdentity(identity: Identity): void {
    writeDurably(this.file('identity.json'), JSON.stringify(identity, null, 1));
  }

  readKeys(): NodeKeys | null {
    // Written by this program only, whole or not at all.
    return this.#readJson('keys.json') as NodeKeys | null;
  }

  writeKeys(keys: NodeKeys): void {
    writeDurably(this.file('keys.json'), JSON.stringify(keys));
  }

  /** Counts this start, and returns its number. */
  countStart(): number {
    const before = this.#readJson('instance.json');
    const number = (typeof before === 'number' ? before : 0) + 1;
    writeDurably(this.file('instance.json'), String(number));
    return number;
  }

  /** Takes the folder until the process ends. Throws when another agent has it. */
  async lock(): Promise<void> {
    const { dev, ino } = statSync(this.path);
    const server = createServer((socket) => socket.destroy());
    server.unref();
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const text = `Another agent runs on ${this.path}: stop it first (systemctl stop punnet-agent), or use another --state.`;
        reject(error.code === 'EADDRINUSE' ? new AgentError(text) : error);
      });
      server.listen(`\0punnet-agent-${dev}-${ino}`, resolve);
    });
  }

  #readJson(name: string): unknown {
    let text: string;
    try {
      text = readFileSync(this.file(name), 'utf8');
    } catch {
      return null;
    }
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new AgentError(
        `${this.file(name)} is damaged (it is not JSON): enrol this node again in an empty folder.`,
      );
    }
  }
}

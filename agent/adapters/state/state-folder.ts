// The agent's folder: who this node is, how often it has started, and a lock that tells the agent's
// status. Written rarely, since SD cards wear.

import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeDurably } from './durable.ts';
import { askFolder, takeFolder } from './folder-lock.ts';
import { KeptFile } from './kept-file.ts';

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

export class StateFolder {
  readonly path: string;
  readonly #kept = new Map<string, KeptFile>();

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** The one writer of a file that waits for room where there is none. */
  kept(name: string): KeptFile {
    const kept = this.#kept.get(name) ?? new KeptFile(this.file(name));
    this.#kept.set(name, kept);
    return kept;
  }

  /** What waits for room is tried again, and named as long as it waits. */
  keepAgain(nowMs: number): readonly string[] {
    const problems: string[] = [];
    for (const kept of this.#kept.values()) {
      kept.tryAgain(nowMs);
      if (kept.problem !== null) problems.push(kept.problem);
    }
    return problems;
  }

  get isThere(): boolean {
    return existsSync(this.path);
  }

  /** Makes the folder. Throws AgentError when this user may not. */
  create(): void {
    try {
      // Node's recursive mkdir tries for ever under a link to a disk that is not mounted.
      const missing: string[] = [];
      for (let at = this.path; !existsSync(at); at = dirname(at)) missing.push(at);
      for (const each of missing.reverse()) mkdirSync(each, { mode: 0o711 });
      accessSync(this.path, constants.W_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new AgentError(
        `${this.path} can't be made or written (${code}): run this as root, or name a folder of your own (--state DIR).`,
      );
    }
  }

  /** Tasks that run as users of their own pass through all folders above theirs. */
  checkReachable(): void {
    for (let folder = this.path; ; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) {
        throw new AgentError(
          `${folder} is closed to other users, and tasks run as users of their own, below it: open it (chmod o+x ${folder}), or name another folder (--state DIR).`,
        );
      }
      if (folder === dirname(folder)) return;
    }
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

  /** Of the board that this node was enrolled on; null: it had none. */
  readBoardSerial(): string | null {
    // Written by this program only, whole or not at all.
    return this.#readJson('board.json') as string | null;
  }

  writeBoardSerial(serial: string | null): void {
    writeDurably(this.file('board.json'), JSON.stringify(serial));
  }

  /** Counts this start, and returns its number. */
  countStart(): number {
    const before = this.#readJson('instance.json');
    const number = (typeof before === 'number' ? before : 0) + 1;
    writeDurably(this.file('instance.json'), String(number));
    return number;
  }

  /**
   * Takes the folder until the process ends. Throws when another agent has it.
   *
   * @param status what whoever asks is told.
   */
  async lock(status: () => string): Promise<void> {
    if (await takeFolder(this.path, status)) return;
    throw new AgentError(
      `Another agent runs on ${this.path}: stop it first (systemctl stop punnet-agent), or use another --state.`,
    );
  }

  /** What the agent that has the folder says of itself; null: none runs. */
  askStatus(): Promise<string | null> {
    return askFolder(this.path);
  }

  #readJson(name: string): unknown {
    let content: string;
    try {
      content = readFileSync(this.file(name), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new AgentError(
        `${this.file(name)} can't be read (${code}): be the user that enrolled this node.`,
      );
    }
    try {
      return JSON.parse(content) as unknown;
    } catch {
      throw new AgentError(
        `${this.file(name)} is damaged (it is not JSON): enrol this node again in an empty folder.`,
      );
    }
  }
}

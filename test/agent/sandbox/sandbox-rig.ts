// A sandbox in a temporary folder, whose shim is bundled as in the shipped agent. It runs attempts
// by any back end that this machine has, also as a user without rights.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Exit } from '../../../agent/core/index.ts';
import type { AttemptSpec } from '../../../agent/adapters/sandbox/attempt-spec.ts';
import { writeDurably } from '../../../agent/adapters/state/durable.ts';
import { Sandbox } from '../../../agent/adapters/sandbox/sandbox.ts';
import type { StartRequest } from '../../../agent/adapters/sandbox/stage.ts';
import { bundleInto } from '../../bundle-into.ts';

/** A user that has nothing on this machine. */
const plainUid = 65_432;

export class SandboxRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-sandbox-'));
  readonly bundlePath = join(this.folder, 'bundle');
  readonly shimCommand: readonly string[];
  readonly sandbox: Sandbox;
  readonly #isPlainUser: boolean;
  readonly #waiting = new Map<number, (exit: Exit) => void>();

  /**
   * @param user `plain`: the shim runs as a user without rights, as under an agent that does.
   * @param by what runs the shim.
   */
  constructor(user: 'own' | 'plain' = 'own', by: readonly string[] = []) {
    chmodSync(this.folder, 0o711);
    mkdirSync(join(this.bundlePath, 'bin'), { recursive: true });
    const entry = `import { runShim } from './agent/adapters/sandbox/shim.ts';
      await runShim(); process.exit(0);`;
    const shim = [process.execPath, bundleInto(this.folder, 'shim.mjs', entry)];
    this.#isPlainUser = user === 'plain';
    const become = ['setpriv', `--reuid=${plainUid}`, `--regid=${plainUid}`, '--clear-groups'];
    this.shimCommand = [...by, ...(this.#isPlainUser ? become : []), ...shim];
    this.sandbox = new Sandbox({ stateFolder: this.folder, shimCommand: this.shimCommand });
    this.sandbox.onExit((leaseId, exit) => this.#waiting.get(leaseId)?.(exit));
  }

  request(leaseId: number, script: string, more: Partial<StartRequest> = {}): StartRequest {
    return {
      leaseId,
      command: ['/bin/sh', '-c', script],
      environment: { GREETING: 'hello' },
      bundlePath: this.bundlePath,
      isRootFileSystem: false,
      checkpointPath: null,
      hasSocket: false,
      workPath: join(this.sandbox.folderOf(leaseId), 'work'),
      timeoutMs: 20_000,
      memoryBytes: 64 << 20,
      diskBytes: 4 << 20,
      maxProcesses: 24,
      ...more,
    };
  }

  ended(leaseId: number): Promise<Exit> {
    return new Promise((resolve) => this.#waiting.set(leaseId, resolve));
  }

  /** Stages an attempt; a `backend` in `more` replaces the one that the sandbox has found. */
  async stage(leaseId: number, script: string, more: Partial<AttemptSpec> = {}): Promise<void> {
    await this.sandbox.stage(this.request(leaseId, script, more));
    const folder = this.sandbox.folderOf(leaseId);
    const file = join(folder, 'attempt.json');
    const spec: unknown = JSON.parse(readFileSync(file, 'utf8'));
    writeDurably(file, JSON.stringify({ ...Object(spec), ...more }));
    if (this.#isPlainUser) execFileSync('chown', ['-R', `${plainUid}:${plainUid}`, folder]);
  }

  async run(leaseId: number, script: string, more: Partial<AttemptSpec> = {}): Promise<Exit> {
    const ended = this.ended(leaseId);
    await this.stage(leaseId, script, more);
    await this.sandbox.start(leaseId);
    return ended;
  }

  close(): void {
    this.sandbox.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Processes whose command line has this text. */
export function pidsWith(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Looks again and again: a process's end tells only its parent. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries > 1_000) throw new Error('not so after 20 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

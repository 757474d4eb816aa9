// A sandbox in a temporary folder, whose shim is bundled as in the shipped agent.

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Exit } from '../../../agent/core/index.ts';
import { Sandbox, type StartRequest } from '../../../agent/adapters/sandbox/sandbox.ts';

export function bundleInto(folder: string, name: string, source: string): string {
  const outfile = join(folder, name);
  buildSync({
    stdin: { contents: source, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    platform: 'node',
    target: 'node18',
    format: 'esm',
    outfile,
  });
  return outfile;
}

export class SandboxRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-sandbox-'));
  readonly bundlePath = join(this.folder, 'bundle');
  readonly shimCommand: readonly string[];
  readonly sandbox: Sandbox;
  readonly #waiting = new Map<number, (exit: Exit) => void>();

  constructor() {
    chmodSync(this.folder, 0o755);
    mkdirSync(join(this.bundlePath, 'bin'), { recursive: true });
    const entry = `import { runShim } from './agent/adapters/sandbox/shim.ts';
      await runShim(process.argv[2]); process.exit(0);`;
    this.shimCommand = [process.execPath, bundleInto(this.folder, 'shim.mjs', entry)];
    this.sandbox = new Sandbox({
      stateFolder: this.folder,
      shimCommand: this.shimCommand,
    });
    this.sandbox.onExit((leaseId, exit) => this.#waiting.get(leaseId)?.(exit));
  }

  request(leaseId: number, script: string, more: Partial<StartRequest> = {}): StartRequest {
    return {
      leaseId,
      command: ['/bin/sh', '-c', script],
      environment: { GREETING: 'hello' },
      bundlePath: this.bundlePath,
      isRootFileSystem: false,
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

  async run(leaseId: number, script: string, more: Partial<StartRequest> = {}): Promise<Exit> {
    const ended = this.ended(leaseId);
    await this.sandbox.start(this.request(leaseId, script, more));
    return ended;
  }

  close(): void {
    this.sandbox.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

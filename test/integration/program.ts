// One real process that a test starts: its lines are kept, waited for and shown when a test fails;
// it is ended by its pid.

import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** How long anything may take on a busy machine before a test gives up; and a whole test of many
 * restarts. */
export const patienceMs = 60_000;
export const longTestMs = 240_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Waiter {
  readonly text: string;
  readonly resolve: (line: string) => void;
}

export class Program {
  readonly name: string;
  readonly lines: string[] = [];
  /** Resolves when the process is gone and all its output was read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #waiters = new Set<Waiter>();

  constructor(
    name: string,
    words: readonly string[],
    where: {
      readonly env?: NodeJS.ProcessEnv;
      readonly cwd?: string;
      /** What runs it; this Node by default. */
      readonly by?: readonly string[];
    } = {},
  ) {
    this.name = name;
    const { by = [process.execPath], ...options } = where;
    const [file = '', ...before] = by;
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    this.#child = spawn(file, [...before, ...words], { stdio, ...options });
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.#read(this.#child.stdout);
    this.#read(this.#child.stderr);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} did not start`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The first line with this text, of those after the first `from` lines. */
  said(text: string, from = 0): Promise<string> {
    const known = this.lines.slice(from).find((line) => line.includes(text));
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const waiter = { text, resolve };
      this.#waiters.add(waiter);
      const fail = (why: string): void => {
        if (!this.#waiters.delete(waiter)) return;
        reject(new Error(`${this.name} ${why} without saying "${text}":\n${this.tail()}`));
      };
      const timer = setTimeout(() => fail(`went on for ${patienceMs} ms`), patienceMs);
      timer.unref();
      void this.ended.then(({ code, signal }) => fail(`ended (${code ?? signal})`));
    });
  }

  /** Sends the signal; resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    if (this.isRunning) this.#child.kill(signal);
    return this.ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  tail(count = 40): string {
    return this.lines.slice(-count).join('\n');
  }

  #read(stream: Readable | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.lines.push(line);
      for (const waiter of this.#waiters) {
        if (!line.includes(waiter.text)) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(line);
      }
    });
  }
}

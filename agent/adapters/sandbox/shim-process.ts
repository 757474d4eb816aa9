// A shim as the agent that started it sees it: up before it is needed, given an attempt, listened to.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { shimWords } from './attempt-spec.ts';

const startWaitMs = 30_000;

export class ShimProcess {
  readonly #child: ChildProcess;
  #hasEnded = false;

  /** @param errorsFile where its complaints go: it has no attempt yet. */
  constructor(command: readonly string[], errorsFile: string) {
    const [file = '', ...words] = command;
    const errors = openSync(errorsFile, 'a', 0o600);
    this.#child = spawn(file, words, { stdio: ['pipe', 'pipe', errors], detached: true });
    closeSync(errors);
    // It must not keep a stopping agent alive, nor the reverse.
    this.#child.unref();
    for (const pipe of [this.#child.stdin, this.#child.stdout]) {
      // A pipe is a socket to Node; types don't say so.
      (pipe as Socket | null)?.on('error', () => undefined).unref();
    }
    for (const event of ['error', 'exit'] as const) {
      this.#child.once(event, () => (this.#hasEnded = true));
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Runs the attempt of a folder. True when its task's process was spawned, false when the shim
   * ended or said nothing in time.
   *
   * @param onEnd called when exit.json is there, or the shim is gone.
   */
  begin(attemptFolder: string, onEnd: () => void): Promise<boolean> {
    const child = this.#child;
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), startWaitMs);
      const settle = (isStarted: boolean): void => {
        clearTimeout(timer);
        resolve(isStarted);
      };
      child.stdout?.on('data', (bytes: Buffer) => {
        const words = bytes.toString().split('\n');
        settle(true);
        // After what the caller does when it has started: both words may come at once.
        if (words.includes(shimWords.ended)) setImmediate(onEnd);
      });
      const gone = (): void => {
        settle(false);
        setImmediate(onEnd);
      };
      child.once('error', gone);
      child.once('exit', gone);
      if (this.#hasEnded) gone();
      else child.stdin?.end(`${attemptFolder}\n`);
    });
  }

  /** Ends a shim that was not needed. */
  discard(): void {
    this.#child.kill('SIGKILL');
  }
}

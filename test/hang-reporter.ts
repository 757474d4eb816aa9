// Ends a test run in which a file says nothing any more. A test has its timeout, but not a loop that
// never ends, nor the loading of a file: without this the whole run waits for ever and tells nothing.

import { readFileSync, readdirSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export class HangReporter implements Reporter {
  readonly #patienceMs: number;
  /** What was last heard of each file that has begun and not ended. */
  readonly #running = new Map<string, { readonly last: string; readonly at: number }>();

  /** A file has `patienceMs` for its loading and for each of its tests. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  onTestRunStart(): void {
    setInterval(() => this.#look(), this.#patienceMs / 10).unref();
  }

  onTestModuleQueued(module: TestModule): void {
    this.#heard(module, 'it is being loaded, or at its first test');
  }

  onTestCaseReady({ module, fullName }: TestCase): void {
    this.#heard(module, `last it began "${fullName}"`);
  }

  onTestCaseResult({ module, fullName }: TestCase): void {
    this.#heard(module, `last it ended "${fullName}"`);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.relativeModuleId);
  }

  #heard(module: TestModule, last: string): void {
    this.#running.set(module.relativeModuleId, { last, at: Date.now() });
  }

  #look(): void {
    const now = Date.now();
    const silences = [...this.#running.values()].map(({ at }) => now - at);
    if (Math.max(0, ...silences) <= this.#patienceMs) return;
    for (const [file, { last, at }] of this.#running) {
      const seconds = Math.round((now - at) / 1_000);
      say(`${file} has said nothing for ${seconds} s: ${last}`);
    }
    const started = descendants();
    // One in state R runs, a loop maybe; one in state S waits, for what it started maybe.
    for (const { pid, parent, state, words } of started) {
      say(`process ${pid}, state ${state}, started by ${parent}: ${words}`);
    }
    endAll(started.map(({ pid }) => pid).toReversed());
    process.exit(1);
  }
}

/** Kills each of them; one that the end of another has ended already keeps no other from being killed. */
export function endAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function say(line: string): void {
  process.stderr.write(`hang: ${line}\n`);
}

interface Started {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  readonly words: string;
}

/** What this process has started, and what that has: parents come first. */
function descendants(): readonly Started[] {
  const all = readdirSync('/proc').flatMap((name) => startedOf(name) ?? []);
  const found = new Set([process.pid]);
  const ours: Started[] = [];
  for (let before = -1; before < ours.length;) {
    before = ours.length;
    for (const one of all) {
      if (found.has(one.pid) || !found.has(one.parent)) continue;
      found.add(one.pid);
      ours.push(one);
    }
  }
  return ours;
}

function startedOf(name: string): Started | null {
  if (!/^\d+$/.test(name)) return null;
  try {
    // Behind the name of the program, which may hold anything: its state, and its parent.
    const stat = /.*\) (\S) (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8'));
    const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
    const [state = '', parent] = stat?.slice(1) ?? [];
    return { pid: Number(name), parent: Number(parent), state, words: words.slice(-8).join(' ') };
  } catch {
    // It has ended meanwhile.
    return null;
  }
}

// A program on each node, until the last has said that it has the whole file, or the time is over.

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Network } from '../../lab/network.ts';
import type { Taken } from './ground.ts';
import { measured } from './ground.ts';

/** What a program says, on a line of its own, when it has the file. */
export const whole = 'whole';

export interface Race {
  /** What each node runs. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  /** After so long it is stopped. */
  readonly mostSeconds: number;
}

export interface Raced extends Taken {
  /** How many have it. */
  readonly done: number;
}

/** A group of its own, since some are shells that have started what counts. */
const inGroup: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], detached: true };

/** Ends all that it has started. */
export async function race(network: Network, { words, mostSeconds }: Race): Promise<Raced> {
  const children: ChildProcess[] = [];
  let done = 0;
  try {
    const taken = await measured(network, async () => {
      const told = [...words].map(async ([node, each]) => {
        const child = network.spawn(network.node(node), each, inGroup);
        children.push(child);
        await untilWhole(child, node);
        done += 1;
      });
      await withTimer(Promise.all(told), mostSeconds * 1000);
    });
    return { ...taken, done };
  } finally {
    await Promise.all(children.map(ended));
  }
}

/** Throws with its last words when it ends before. */
async function untilWhole(child: ChildProcess, node: string): Promise<void> {
  const last: string[] = [];
  const lines = [child.stdout, child.stderr].flatMap((stream) =>
    stream === null ? [] : [createInterface({ input: stream })],
  );
  await new Promise<void>((resolve, reject) => {
    for (const each of lines) {
      each.on('line', (line) => {
        if (line === whole) resolve();
        last.push(line);
        if (last.length > 20) last.shift();
      });
    }
    child.once('error', reject);
    child.once('close', (code) =>
      reject(new Error(`${node} ended (${code}) without the file:\n${last.join('\n')}`)),
    );
  });
}

/** Waits for the first of both; a mistake is thrown. */
async function withTimer(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    // Nobody waits any more for what is stopped after its time.
    work.catch(() => undefined);
    await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  // They have nothing to keep, and torrent clients take seconds to say goodbye.
  process.kill(-child.pid, 'SIGKILL');
  await over;
}

// One network namespace: programs that run in it, and what its interfaces have carried.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';

const frameHeaderBytes = 14;

export interface Carried {
  /** Bytes of IP packets, their headers included, since the interface came to be. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export class Space {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** What a program is started by to be in here. The machine's /sys stays in sight, since limits on tasks are set there. */
  get entry(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.name}`, '--'];
  }

  /** Starts a program in here; who starts it ends it. */
  spawn(words: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = '', ...rest] = [...this.entry, ...words];
    return spawn(program, rest, options);
  }

  /** Runs a program in here to its end and gives what it printed. Throws an Error with its words. */
  run(words: readonly string[], input = ''): string {
    const [program = '', ...rest] = [...this.entry, ...words];
    return execFileSync(program, rest, { input, encoding: 'utf8', stdio: 'pipe' });
  }

  /** Gives these lines to `ip`, `tc` or `nft` in here. */
  configure(program: 'ip' | 'tc' | 'nft', lines: readonly string[]): void {
    if (lines.length === 0) return;
    const words = program === 'nft' ? ['-f', '-'] : ['-batch', '-'];
    this.run([program, ...words], `${lines.join('\n')}\n`);
  }

  /** What an interface has carried so far. Throws a RangeError if there is none of that name. */
  carried(device: string): Carried {
    const text = this.run(['cat', '/proc/net/dev']);
    const line = text.split('\n').find((each) => each.trim().startsWith(`${device}:`));
    if (line === undefined) throw new RangeError(`${this.name} has no interface ${device}`);
    const numbers = line
      .slice(line.indexOf(':') + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const ipBytes = (bytes = 0, frames = 0): number => bytes - frames * frameHeaderBytes;
    return {
      receivedBytes: ipBytes(numbers[0], numbers[1]),
      sentBytes: ipBytes(numbers[8], numbers[9]),
    };
  }

  /** The hardware address of an interface. */
  hardwareAddress(device: string): string {
    const text = this.run(['ip', '-json', 'link', 'show', 'dev', device]);
    const [link] = JSON.parse(text) as readonly { readonly address: string }[];
    return link?.address ?? '';
  }

  /** The processes in here. */
  get pids(): readonly number[] {
    const text = execFileSync('ip', ['netns', 'pids', this.name], { encoding: 'utf8' });
    return text.split('\n').filter(Boolean).map(Number);
  }
}

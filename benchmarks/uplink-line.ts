// A line of known rates in the lab, with the programs at its ends.

import { randomBytes } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { coreAddress } from '../lab/layout.ts';
import { Network } from '../lab/network.ts';
import type { Space } from '../lab/space.ts';
import type { Measured } from '../scheduler/adapters/probes/probes.ts';

const ends = ['node', '--import', 'tsx', join(import.meta.dirname, 'uplink-ends.ts')];
/** Of an Ethernet frame with 1,200 bytes in UDP over IPv4, which is what the lab's lines count. */
const payload = 1_200 / 1_242;
/** Traffic has begun by then. */
const settleMs = 2_000;

/** Nothing else on the line; packets at random times that fill half of it; TCP that fills it, both ways at once. */
export const others = ['nothing', 'half', 'full'] as const;
export type Other = (typeof others)[number];

export interface Probed {
  /** Relative: 0.1 is ten per cent too fast. */
  readonly down: number;
  readonly up: number;
  /** Of its trains, payload. */
  readonly downBytes: number;
  readonly upBytes: number;
}

export class UplinkLine {
  readonly network: Network;
  readonly #rates: { readonly downBps: number; readonly upBps: number };
  readonly #core: Program;
  #node: Program | undefined;
  #ports: readonly number[] = [];

  private constructor(rates: { readonly downBps: number; readonly upBps: number }) {
    this.#rates = rates;
    this.network = Network.create([{ name: 'home', nodes: 2, ...rates }]);
    this.#core = new Program(this.network, this.network.core, ['core', coreAddress]);
  }

  /** Close it in the end. */
  static async open(downBps: number, upBps = downBps): Promise<UplinkLine> {
    const line = new UplinkLine({ downBps, upBps });
    line.#ports = (await line.#core.next()) as readonly number[];
    const words = line.#ports.slice(0, 2).map(String);
    const { network } = line;
    line.#node = new Program(network, network.node('home-1'), ['node', coreAddress, ...words]);
    return line;
  }

  /** null: too little came. */
  async probe(): Promise<Probed | null> {
    const nonce = randomBytes(16).toString('hex');
    this.#core.write(nonce);
    this.#node?.write(nonce);
    const found = (await this.#core.next()) as Measured;
    await this.#node?.next();
    const { downBps, upBps, sentBytes: downBytes, receivedBytes: upBytes } = found;
    if (downBps === null || upBps === null) return null;
    return { ...this.#errors(downBps, upBps), downBytes, upBytes };
  }

  /** The same bytes by TCP. */
  async transfer(): Promise<Pick<Probed, 'down' | 'up'>> {
    const rates: number[] = [];
    for (const direction of ['down', 'up']) {
      this.#node?.write(direction);
      rates.push((await this.#node?.next()) as number);
    }
    return this.#errors(rates[0] ?? 0, rates[1] ?? 0);
  }

  #errors(downBps: number, upBps: number): Pick<Probed, 'down' | 'up'> {
    const { downBps: down, upBps: up } = this.#rates;
    return { down: downBps / down / payload - 1, up: upBps / up / payload - 1 };
  }

  /** While something else is on the line. */
  async beside<Result>(other: Other, run: () => Promise<Result>): Promise<Result> {
    const [, plain, traffic] = this.#ports.map(String);
    const { downBps } = this.#rates;
    const words: Readonly<Record<Other, readonly string[] | undefined>> = {
      nothing: undefined,
      half: ['load', coreAddress, traffic ?? '', String(downBps / 2)],
      full: ['fill', coreAddress, plain ?? ''],
    };
    const wanted = words[other];
    if (wanted === undefined) return run();
    const child = this.network.spawn(this.network.node('home-2'), [...ends, ...wanted]);
    await sleep(settleMs);
    const result = await run();
    child.kill();
    return result;
  }

  close(): Promise<void> {
    return this.network.close();
  }
}

/** Line by line, each a JSON value. */
class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(network: Network, space: Space, words: readonly string[]) {
    this.#child = network.spawn(space, [...ends, ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('its output is read');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async next(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('it has ended');
    return JSON.parse(value);
  }
}

// The site's nodes with real agents, tunnels and bus: a job whose tasks share the file, one task for each of them,
// until each agent has the file in its blobs, under the name of its hash.

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import { stringify } from 'yaml';
import type { OverlayRig } from '../../test/integration/overlay-rig.ts';
import type { Program } from '../../test/integration/program.ts';
import { cpuMsOf } from '../machine.ts';
import { follow } from '../progress.ts';
import type { SharedFile, Taken } from './ground.ts';
import { checkCopy, measured, siteName } from './ground.ts';
import { TunnelMeter } from './tunnel-meter.ts';

/** More nodes at once take no less time to enrol: the machine has two cores. */
const atOnce = 4;
const lookEveryMs = 100;

export interface Brought extends Taken {
  /** Of the bytes, those in tunnels: the bus, with all that OpenVPN adds. */
  readonly tunnelBytes: number;
  /** CPU time of all agents together over the time that it took; 1 is a core. */
  readonly cores: number;
  /** How many nodes have the file; all that should. */
  readonly done: number;
  readonly isDone: boolean;
}

export interface BringOptions {
  readonly mostSeconds: number;
  readonly leftOut?: readonly string[];
  /** From the submission on. */
  readonly meanwhile?: () => Promise<unknown>;
}

export class OurSite {
  readonly rig: OverlayRig;
  readonly agents = new Map<string, Program>();
  readonly #meter: TunnelMeter;
  #jobs = 0;

  private constructor(rig: OverlayRig) {
    this.rig = rig;
    this.#meter = new TunnelMeter(rig.network, siteName);
  }

  /** Enrols the nodes at a site whose line is known and all theirs, and waits until they were heard. */
  static async open(rig: OverlayRig, nodes: readonly string[]): Promise<OurSite> {
    const site = new OurSite(rig);
    const rates = ['--down', '10 Mbit/s', '--up', '2 Mbit/s', '--share', '100%'];
    await rig.punnet('site', 'set', siteName, ...rates);
    const token = await rig.nodeToken(nodes.length, siteName);
    const queue = new PQueue({ concurrency: atOnce });
    const join = async (name: string): Promise<unknown> =>
      site.agents.set(name, await rig.join(name, token));
    await queue.addAll(nodes.map((name) => () => join(name)));
    await follow({
      what: 'nodes that were heard',
      look: async () => ({ count: await site.#heard() }),
      isOver: ({ count }) => count >= nodes.length,
    });
    return site;
  }

  /**
   * Brings the file to all nodes by a job. Those that are left out need not have it in the end. Stops to look
   * after so long; throws when a copy is not the file.
   */
  async bring(file: SharedFile, options: BringOptions): Promise<Brought> {
    const { leftOut = [], meanwhile } = options;
    const nodes = [...this.agents.keys()];
    const wanted = nodes.filter((node) => !leftOut.includes(node));
    const job = this.#writeJob(file, nodes.length);
    const before = { cpuMs: this.#cpuMs(), tunnelBytes: this.#meter.bytes() };
    let endMs = 0;
    let done = 0;
    const { bytes } = await measured(this.rig.network, async () => {
      await this.rig.punnet('submit', job);
      const trouble = meanwhile?.();
      done = await this.#untilHere(file, wanted, options.mostSeconds);
      endMs = Date.now();
      await trouble;
    });
    // Before that the file went to the origin, over no line.
    const seconds = (endMs - (await this.#submittedMs())) / 1000;
    const cores = (this.#cpuMs() - before.cpuMs) / 1000 / seconds;
    const tunnelBytes = this.#meter.bytes() - before.tunnelBytes;
    const isDone = done === wanted.length;
    if (isDone) for (const node of wanted) await checkCopy(file, this.copyAt(node, file));
    return { seconds, bytes, tunnelBytes, cores, done, isDone };
  }

  /** How many of them have it in the end. */
  async #untilHere(
    file: SharedFile,
    nodes: readonly string[],
    mostSeconds: number,
  ): Promise<number> {
    const deadline = performance.now() + mostSeconds * 1000;
    for (;;) {
      const done = nodes.filter((node) => existsSync(this.copyAt(node, file))).length;
      if (done === nodes.length || performance.now() > deadline) return done;
      await sleep(lookEveryMs);
    }
  }

  copyAt(node: string, { sha256 }: SharedFile): string {
    return join(this.rig.stateOf(node), 'blobs', sha256);
  }

  /** The most that an agent that still runs has had in memory, bytes. */
  peakBytes(): readonly number[] {
    return this.#running().map(({ pid }) => {
      const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
      return 1024 * Number(kilobytes?.[1]);
    });
  }

  /** Until the tasks of all jobs have ended. */
  async untilQuiet(): Promise<void> {
    await follow({
      what: 'jobs that have ended',
      look: async () => ({ count: await this.#ended() }),
      isOver: ({ count }) => count === this.#jobs,
    });
  }

  /** Bytes on the line and between the nodes in so many seconds. */
  async idle(seconds: number): Promise<{ readonly line: number; readonly lan: number }> {
    const sent = (): number =>
      [...this.agents.keys()].reduce(
        (sum, node) => sum + this.rig.network.node(node).carried('eth0').sentBytes,
        0,
      );
    const before = { sent: sent(), up: this.rig.network.carried(siteName).sentBytes };
    const { bytes } = await measured(this.rig.network, () => sleep(seconds * 1000));
    const up = this.rig.network.carried(siteName).sentBytes - before.up;
    return { line: bytes, lan: sent() - before.sent - up };
  }

  #running(): readonly Program[] {
    return [...this.agents.values()].filter(({ isRunning }) => isRunning);
  }

  #cpuMs(): number {
    return this.#running().reduce((sum, { pid }) => sum + cpuMsOf(pid), 0);
  }

  #writeJob(file: SharedFile, tasks: number): string {
    this.#jobs += 1;
    const name = `brings-${this.#jobs}`;
    const folder = join(this.rig.folder, name);
    mkdirSync(join(folder, 'program'), { recursive: true });
    copyFileSync(file.path, join(folder, 'file'));
    const script = '#!/bin/sh\nsleep 2\n';
    writeFileSync(join(folder, 'program/run.sh'), script, { mode: 0o755 });
    const spec = {
      ...{ name, bundles: { x86_64: { file: 'program' } }, command: ['/bundle/run.sh', '{index}'] },
      ...{ tasks: { count: tasks }, sharedInputs: [{ file: 'file' }], retries: 0 },
      // Long enough that no node is given two.
      profile: { work: '600 GHz*s', output: '1 kB' },
    };
    writeFileSync(join(folder, 'job.yaml'), stringify(spec));
    return join(folder, 'job.yaml');
  }

  // What the CLI prints as JSON is as the contract says.

  async #heard(): Promise<number> {
    const { nodes } = JSON.parse(await this.rig.punnet('--output', 'json', 'nodes')) as {
      readonly nodes: readonly { readonly status?: unknown }[];
    };
    return nodes.filter(({ status }) => status !== undefined).length;
  }

  async #submittedMs(): Promise<number> {
    return Math.max(
      ...(await this.#allJobs()).map(({ submittedUnixMs }) => Number(submittedUnixMs)),
    );
  }

  async #ended(): Promise<number> {
    return (await this.#allJobs()).filter(({ endedUnixMs }) => Number(endedUnixMs) > 0).length;
  }

  async #allJobs() {
    const { jobs } = JSON.parse(await this.rig.punnet('--output', 'json', 'jobs')) as {
      readonly jobs: readonly { readonly submittedUnixMs: string; readonly endedUnixMs: string }[];
    };
    return jobs;
  }
}

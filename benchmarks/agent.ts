// What an agent costs its owner while it has nothing to do: memory, CPU, and bytes on the line,
// counted by a relay between it and nats-server.

import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess, agentBundle } from './agent-process.ts';
import type { Benchmark, Outcome, Size } from './figure.ts';
import { cpuMsOf, rssBytesOf } from './machine.ts';
import { SchedulerProcess } from './scheduler-process.ts';

interface Scale {
  readonly windows: number;
  readonly windowMs: number;
  /** Changes its limits, so that it reports at once, instead of waiting for an idle report. */
  readonly isHurried: boolean;
}

const scales: Readonly<Record<Size, Scale>> = {
  // An idle report, every 180 s with its jitter, falls into it.
  full: { windows: 4, windowMs: 56_000, isHurried: false },
  tiny: { windows: 1, windowMs: 6_000, isHurried: true },
};

const reportsPerDay = (24 * 3600) / 180;
/** Around each message: header, type and tag of a TLS 1.3 record. */
const recordBytes = 22;
/** Both ends ask every 20 minutes: PING and PONG, 6 bytes each. */
const pingsPerDay = 2 * 72 * 2;
const pingBytes = 6;
const settleMs = 2_000;
/** An agent has seen a change of its limits after so long, and reported. */
const limitsPollMs = 6_000;

export const agent: Benchmark = {
  name: 'agent',
  about: 'bundle, memory, CPU and traffic of an idle agent',
  async run(size: Size): Promise<Outcome> {
    const scheduler = await SchedulerProcess.start();
    const relay = await Relay.start(Number(new URL(scheduler.natsUrl).port));
    const bare = spawn(process.execPath, ['-e', 'setInterval(() => 0, 5000)']);
    let own: AgentProcess | undefined;
    try {
      const natsUrl = `tls://localhost:${relay.port}`;
      own = await AgentProcess.start(scheduler, { natsUrl });
      await untilReported(scheduler);
      await sleep(settleMs);
      if (!scales[size].isHurried) await tellInventory(own);
      const idle = await watch({ own, barePid: bare.pid ?? 0, relay, scale: scales[size] });
      return { figures: figuresOf(idle), digest: `${idle.reports > 0 ? 'it reported' : ''}` };
    } finally {
      await own?.stop();
      bare.kill('SIGKILL');
      relay.stop();
      await scheduler.remove();
    }
  },
};

/** Its first three reports say what the node is, as no later one does: these are had first. */
async function tellInventory({ stateFolder }: AgentProcess): Promise<void> {
  for (const slots of [0, 1, 0, 1]) {
    writeFileSync(join(stateFolder, 'limits.json'), JSON.stringify({ slots }));
    await sleep(limitsPollMs);
  }
}

interface Idle {
  readonly rss: readonly number[];
  readonly bareRss: readonly number[];
  readonly cpu: readonly number[];
  readonly bareCpu: readonly number[];
  readonly reports: number;
  readonly bytes: number;
}

async function untilReported({ connection }: SchedulerProcess): Promise<void> {
  const list = connection.nodes.listNodes.bind(connection.nodes);
  for (let tries = 0; tries < 600; tries += 1) {
    const { nodes } = await connection.call(list, { pageSize: 1, pageToken: '', siteId: '' });
    if (nodes[0]?.status !== undefined) return;
    await sleep(100);
  }
  throw new Error('the agent has not reported within a minute');
}

async function watch(options: {
  readonly own: AgentProcess;
  readonly barePid: number;
  readonly relay: Relay;
  readonly scale: Scale;
}): Promise<Idle> {
  const { own, barePid, relay, scale } = options;
  const rss: number[] = [];
  const bareRss: number[] = [];
  const cpu: number[] = [];
  const bareCpu: number[] = [];
  const before = { bytes: relay.bytes, reports: relay.messagesUp };
  for (let window = 0; window < scale.windows; window += 1) {
    if (scale.isHurried) writeFileSync(join(own.stateFolder, 'limits.json'), '{"slots":0}');
    const [startMs, ownMs, bareMs] = [performance.now(), cpuMsOf(own.pid), cpuMsOf(barePid)];
    await sleep(scale.windowMs);
    const spanMs = performance.now() - startMs;
    cpu.push((100 * (cpuMsOf(own.pid) - ownMs)) / spanMs);
    bareCpu.push((100 * (cpuMsOf(barePid) - bareMs)) / spanMs);
    rss.push(rssBytesOf(own.pid) / 1e6);
    bareRss.push(rssBytesOf(barePid) / 1e6);
  }
  const reports = relay.messagesUp - before.reports;
  if (reports === 0) throw new Error('the agent has not reported while it was watched');
  return { rss, bareRss, cpu, bareCpu, reports, bytes: relay.bytes - before.bytes };
}

function figuresOf(idle: Idle): Outcome['figures'] {
  const onLine = idle.bytes / idle.reports;
  /** What a day of messages takes with so many bytes around each. */
  const perDay = (around: number): number =>
    ((onLine - recordBytes + around) * reportsPerDay + (pingBytes + around) * pingsPerDay) / 1000;
  const bareNode = (values: readonly number[]) => ({ what: 'bare node', values });
  return [
    {
      what: 'bundle',
      unit: 'kB',
      values: [statSync(agentBundle).size / 1e3],
      wanted: { atMost: 1_000 },
    },
    {
      what: 'memory, idle (RSS)',
      unit: 'MB',
      values: idle.rss,
      wanted: { atMost: 60 },
      baseline: bareNode(idle.bareRss),
    },
    {
      what: 'CPU, idle',
      unit: '% of a core',
      values: idle.cpu,
      wanted: { atMost: 1 },
      baseline: bareNode(idle.bareCpu),
    },
    { what: 'a report on the line, TLS included', unit: 'bytes', values: [onLine] },
    {
      what: 'idle traffic a day at the NATS level: 480 reports, and pings',
      ...{ unit: 'kB', values: [perDay(0)], wanted: { atMost: 100 } },
      baseline: { what: 'pings alone', values: [(pingBytes * pingsPerDay) / 1000] },
    },
    { what: '… with TLS', unit: 'kB', values: [perDay(recordBytes)] },
  ];
}

/** Passes bytes on and counts them; it sees TLS records only. */
class Relay {
  bytes = 0;
  /** Pieces from the agent: while it is idle each is one message. */
  messagesUp = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, 'localhost');
      for (const socket of [near, far]) {
        this.#sockets.add(socket.on('error', () => near.destroy()));
        socket.on('data', (part: Buffer) => (this.bytes += part.length));
      }
      near.on('data', () => (this.messagesUp += 1));
      near.pipe(far).pipe(near);
    });
  }

  static async start(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, 'localhost', resolve));
    return relay;
  }

  get port(): number {
    // It listens on TCP.
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

// An agent that runs: puts core, adapters and world together, and stops them in the reverse order.

import { randomBytes } from 'node:crypto';
import { SiteApt } from './adapters/apt/site-apt.ts';
import { adoptAttempts } from './adapters/attempts/adopt.ts';
import { Results } from './adapters/attempts/results.ts';
import { BlobClient } from './adapters/blobs/blob-client.ts';
import { UplinkPacer } from './adapters/blobs/uplink-pacer.ts';
import { DiskRoom } from './adapters/blobs/disk-room.ts';
import { cacheOf } from './adapters/blobs/room-to-start.ts';
import { NodeBus, type NodeBusOptions } from './adapters/bus/node-bus.ts';
import { ownExchange } from './adapters/exchange/own-exchange.ts';
import type { SiteExchange } from './adapters/exchange/site-exchange.ts';
import type { KeptOutputs } from './adapters/kept/kept-outputs.ts';
import { ownKept } from './adapters/kept/own-kept.ts';
import { Renewer } from './adapters/enrol/renewer.ts';
import { TunnelFolder } from './adapters/overlay/tunnel-folder.ts';
import { Reporter } from './adapters/bus/reporter.ts';
import { log } from './adapters/log.ts';
import { MemoryWatch } from './adapters/memory-watch.ts';
import { History } from './adapters/owner/history.ts';
import { Owner } from './adapters/owner/owner.ts';
import { statusText } from './adapters/owner/texts.ts';
import { isNeighbour } from './adapters/lan/neighbour.ts';
import { Internet } from './adapters/internet/internet.ts';
import { LanTasks } from './adapters/lan/lan-tasks.ts';
import { TaskSockets } from './adapters/messages/task-sockets.ts';
import { LineWatch } from './adapters/uplink/line-watch.ts';
import { ProbeTasks } from './adapters/uplink/probe-tasks.ts';
import { readOwnLan } from './adapters/probe/lan.ts';
import { Bundles } from './adapters/sandbox/bundles.ts';
import { diskFree } from './adapters/sandbox/disk-use.ts';
import { Sandbox } from './adapters/sandbox/sandbox.ts';
import { ownReleases } from './adapters/releases/own-releases.ts';
import type { Releases } from './adapters/releases/releases.ts';
import { RunningTime } from './adapters/state/running-time.ts';
import type { Identity, NodeKeys, StateFolder } from './adapters/state/state-folder.ts';
import type { AdoptedAttempt, Command } from './core/index.ts';
import { Edge } from './adapters/edge.ts';
import { AgentLoop } from './loop.ts';

const lookEveryMs = 2_000;
/** A new version of the agent that does not reach the federation for so long is taken for broken: it was told to
 * become active a minute ago. */
const mostProofMs = 15 * 60_000;
/** Two of five of it are spread, so that the nodes of a federation do not report at once. */
const idleReportMs = 180_000;

interface AgentParts {
  readonly state: StateFolder;
  readonly identity: Identity;
  readonly keys: NodeKeys;
  readonly sandbox: Sandbox;
  readonly owner: Owner;
}

export class Agent {
  readonly #parts: AgentParts;
  readonly #time: RunningTime;
  readonly #blobs: BlobClient;
  readonly #bundles: Bundles;
  readonly #room: DiskRoom;
  readonly #bus: NodeBus;
  readonly #renewer: Renewer;
  readonly #lanTasks: LanTasks;
  readonly #probeTasks: ProbeTasks;
  readonly #sockets: TaskSockets;
  readonly #internet: Internet;
  readonly #releases: Releases;
  readonly #exchange: SiteExchange;
  readonly #kept: KeptOutputs;
  readonly #lineWatch: LineWatch;
  readonly #apt = new SiteApt({
    exchange: { get: (...call) => this.#exchange.get(...call) },
    ...{ onTaken: () => void this.#room.trim(), log },
  });
  readonly #lanPacer = new UplinkPacer(
    () => this.#parts.owner.lanRate(),
    () => undefined,
  );
  readonly #loop: AgentLoop;
  readonly #history: History;
  /** What the disk does not take. */
  #unwritten: readonly string[] = [];
  readonly #memory = new MemoryWatch();
  #lookTimer: NodeJS.Timeout | undefined;
  #proofTimer: NodeJS.Timeout | undefined;
  /** Two agents have this identity. */
  onQuarantined: () => void = () => undefined;
  /** Another version of it takes over. */
  onReplaced: () => void = () => undefined;
  /** It is a new version, and does not come to speak with the federation. */
  onUnproved: () => void = () => undefined;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    const { state, identity, keys, sandbox, owner } = parts;
    const { httpsUrl: url, caPem: ca } = identity;
    const tunnels = new TunnelFolder(state.file('overlay'));
    this.#time = new RunningTime(state.kept('running-ms'));
    this.#blobs = new BlobClient({
      ...{ folder: state.file('blobs'), url, ca, rateOf: () => owner.rate() },
      // What goes through the tunnel is counted there.
      onBytes: (count) => this.#carried(count, tunnels.isInOverlay(hostOf(url))),
    });
    this.#lineWatch = new LineWatch({
      ping: () => this.#bus.ping(),
      take: (spanMs) => this.#exchange.measured(spanMs, owner.filledPart()),
      nowMs: () => performance.now(),
    });
    this.#history = new History(state.kept('history.json'));
    this.#bundles = new Bundles(state.file('bundles'));
    this.#room = this.#newRoom();
    const instanceId = randomBytes(8).toString('base64url');
    const post = (command: Command): void => this.#loop.post(command);
    const onRefused = (): void => this.#renewer.refused();
    const { natsSeed } = keys;
    this.#lanTasks = this.#newLanTasks();
    this.#releases = this.#newReleases(post);
    this.#probeTasks = new ProbeTasks({
      mayProbe: () => owner.allowance.isAccepting && owner.mayTransfer(),
      // What goes through the tunnel is counted there.
      carried: (host, bytes) =>
        tunnels.isInOverlay(host) ? undefined : owner.traffic.carried(bytes),
      nowMs: () => performance.now(),
    });
    this.#sockets = this.#newSockets();
    this.#internet = this.#newInternet(tunnels, post);
    this.#bus = this.#newBus({ natsSeed, instanceId, post, onRefused });
    this.#renewer = new Renewer({
      ...{ state, tunnels, natsSeed, log, identity: () => state.readIdentity() ?? identity },
      isAway: () => this.#bus.trouble !== null,
      onRenewed: (renewed) => this.#bus.renewed(renewed),
    });
    const instance = { instanceNumber: state.countStart(), instanceId };
    const releases = this.#releases;
    const kept = () => this.#kept.takeReport();
    const reporter = new Reporter({ instance, owner, bus: this.#bus, releases, kept });
    this.#exchange = this.#newExchange(reporter);
    this.#kept = ownKept(parts, {
      ...{ blobs: this.#blobs, room: this.#room, lanPacer: this.#lanPacer, reporter },
      ...{ here: () => this.#exchange.here, onNews: () => post({ kind: 'reportWanted' }) },
    });
    const edge = new Edge({
      ...{ sandbox, post, log },
      ...{ blobs: this.#blobs, bundles: this.#bundles },
      ...{ exchange: this.#exchange, kept: this.#kept },
      results: new Results(sandbox, { blobs: this.#blobs, kept: this.#kept }),
      nowMs: () => this.#time.nowMs(),
      room: this.#room,
      say: (said) => reporter.say(said),
      onQuarantined: () => this.onQuarantined(),
      mayTransfer: () => owner.mayTransfer(),
      onAllotted: (bytes) => owner.allotted(bytes),
      history: this.#history,
      ...{ sockets: this.#sockets, internet: this.#internet },
    });
    const spread = 0.8 + 0.4 * Math.random();
    this.#loop = new AgentLoop({
      clock: systemClock,
      sink: edge,
      idleReportMs: Math.round(idleReportMs * spread),
    });
  }

  /** Bytes have gone over the line; what goes through the tunnel is counted there. */
  #carried(bytes: number, isInTunnel: boolean): void {
    const { owner } = this.#parts;
    // Where nobody has said what the line can do, a long round trip tells nothing.
    if (owner.filledPart() !== null) this.#lineWatch.carried();
    if (!isInTunnel) owner.traffic.carried(bytes);
  }

  #newBus(
    options: Pick<NodeBusOptions, 'natsSeed' | 'instanceId' | 'post' | 'onRefused'>,
  ): NodeBus {
    return new NodeBus({
      ...{ ...options, identity: this.#parts.identity, log },
      asides: {
        onLanTask: (task) => this.#lanTasks.take(task),
        onProbeTask: (task) => this.#probeTasks.take(task),
        onTaskMessage: (message) => this.#sockets.take(message),
        onReleases: (orders) => this.#releases.take(orders),
        onExchange: (messages) => this.#exchange.take(messages),
        onKeptWanted: (wanted) => this.#kept.send(wanted),
        onKeptReleased: (jobIds) => this.#kept.release(jobIds),
        onReportWanted: () => {
          this.#exchange.tellAgain();
          this.#kept.tellAgain();
        },
      },
    });
  }

  #newLanTasks(): LanTasks {
    return new LanTasks({
      ownLan: readOwnLan,
      isNeighbour,
      say: (answer) => this.#bus.sayLan(answer),
      nowMs: () => performance.now(),
    });
  }

  #newSockets(): TaskSockets {
    return new TaskSockets({
      say: (message) => this.#bus.sayTask(message),
      mayTransfer: () => this.#parts.owner.mayTransfer(),
      nowMs: () => performance.now(),
    });
  }

  #newRoom(): DiskRoom {
    const { state, owner } = this.#parts;
    const underWay = (): readonly string[] => [...this.#blobs.underWay, ...this.#exchange.underWay];
    return new DiskRoom({
      ...{ cache: cacheOf(state), limits: () => owner.limits, log },
      freeBytes: () => diskFree(state.path),
      inUse: () => new Set([...this.#loop.blobsInUse(), ...underWay(), ...this.#kept.pinned]),
      pinned: () => this.#exchange.pinned,
      onTrimmed: () => this.#exchange.lookForRemoved(),
    });
  }

  #newExchange(reporter: Reporter): SiteExchange {
    return ownExchange(this.#parts, {
      ...{ blobs: this.#blobs, room: this.#room, reporter, lanPacer: this.#lanPacer },
      keptOf: (sha256) => this.#kept.served(sha256),
    });
  }

  #newInternet(tunnels: TunnelFolder, post: (command: Command) => void): Internet {
    const { owner, sandbox, state, identity } = this.#parts;
    return new Internet({
      ...{ owner, sandbox, tunnels, blobs: this.#blobs },
      identity: () => state.readIdentity() ?? identity,
      carried: (count) => this.#carried(count, false),
      onTested: () => post({ kind: 'reportWanted' }),
      nowMs: () => performance.now(),
    });
  }

  #newReleases(post: (command: Command) => void): Releases {
    return ownReleases(this.#parts, {
      ...{ blobs: this.#blobs, exchange: () => this.#exchange, room: this.#room, log },
      onReplaced: () => this.onReplaced(),
      onNews: () => post({ kind: 'reportWanted' }),
    });
  }

  async start(): Promise<void> {
    const { sandbox, identity } = this.#parts;
    this.#time.start();
    await this.#blobs.start();
    await this.#bundles.start();
    this.#kept.start();
    await this.#exchange.start();
    await this.#exchange.findKept();
    await this.#releases.offer();
    this.#look();
    this.#kept.shrink();
    const attempts = await adoptAttempts(sandbox, this.#time.nowMs());
    await this.#openSockets(attempts);
    this.#loop.post({ kind: 'adopted', attempts });
    this.#lookTimer = setInterval(() => {
      this.#look();
      void this.#room.look(performance.now());
    }, lookEveryMs);
    log('started', { node: identity.nodeId, adopted: attempts.length });
    await this.#room.trim();
    void this.#bus.start();
    if (this.#releases.isUnproved) {
      this.#proofTimer = setTimeout(() => this.#lookForProof(), mostProofMs);
    }
    this.#renewer.start();
  }

  /** Tasks that went on without an agent find this one's sockets. */
  async #openSockets(attempts: readonly AdoptedAttempt[]): Promise<void> {
    for (const { lease, phase } of attempts) {
      if (phase !== 'running') continue;
      const { leaseId } = lease;
      const folder = this.#parts.sandbox.folderOf(leaseId);
      try {
        if (lease.hasSocket) await this.#sockets.open(leaseId, folder);
        await this.#internet.open(lease, folder);
      } catch (error) {
        log('a task goes on without its socket', { lease: leaseId, error: String(error) });
      }
    }
  }

  #lookForProof(): void {
    if (!this.#releases.isUnproved) return;
    log('this version has not spoken with the federation: the one before comes back', {});
    this.onUnproved();
  }

  async stop(): Promise<void> {
    clearInterval(this.#lookTimer);
    clearTimeout(this.#proofTimer);
    this.#releases.stop();
    this.#renewer.stop();
    this.#lanTasks.close();
    this.#probeTasks.close();
    this.#lineWatch.stop();
    this.#sockets.stop();
    this.#internet.stop();
    this.#loop.stop();
    this.#parts.sandbox.close();
    await this.#apt.stop();
    await this.#exchange.stop();
    this.#kept.stop();
    await this.#bus.stop();
    this.#blobs.stop();
    this.#time.stop();
    this.#history.save(performance.now());
    this.#parts.owner.traffic.stop();
  }

  status(sandbox: string): string {
    const { identity, owner } = this.#parts;
    const { trouble } = this.#bus;
    const { allowance } = owner;
    return statusText({
      identity,
      trouble,
      sandbox,
      allowance,
      ...{ unknownLimits: owner.unknownLimits, unwritten: this.#unwritten },
      attempts: this.#loop.attempts(),
      ran: this.#history.latest,
      month: owner.month,
      ...{ uplink: owner.rate(), lan: owner.lanRate(), linePart: owner.linePart },
      ...{ apt: this.#apt.status, kept: this.#kept.status },
      internet: { isAllowed: owner.limits.allowsInternet, problem: this.#internet.problem },
      nowUnixMs: Date.now(),
    });
  }

  /** What the owner's limits and the machine allow may have changed. */
  #look(): void {
    this.#memory.look();
    // Its sandbox was tested before it started.
    if (this.#bus.trouble === null) this.#releases.prove();
    void this.#exchange.hearScheduler(this.#bus.trouble === null);
    void this.#exchange.lookAtLan();
    const { owner, sandbox, state } = this.#parts;
    const read = (): string =>
      JSON.stringify([owner.limits, owner.unknownLimits, owner.limitsProblem, owner.allowance]);
    const before = read();
    const told = JSON.stringify(owner.inventory());
    const allowance = owner.look();
    const unwritten = state.keepAgain(performance.now());
    if (unwritten.join() !== this.#unwritten.join())
      log('disk takes no more', { files: unwritten });
    this.#unwritten = unwritten;
    void this.#apt.follow(owner.limits.aptPort);
    this.#internet.look();
    this.#history.saveSometimes(performance.now());
    if (read() === before) return;
    const { limitsProblem, unknownLimits } = owner;
    if (limitsProblem !== null) log('limits not taken', { why: limitsProblem });
    else if (unknownLimits.length > 0) log('limits not known', { names: unknownLimits });
    this.#kept.shrink();
    sandbox.holdCpu(allowance.isFreezing ? 0 : 100 * owner.limits.cpuShare);
    this.#loop.post({ kind: 'allowanceChanged', allowance });
    if (JSON.stringify(owner.inventory()) !== told) this.#loop.post({ kind: 'reportWanted' });
  }
}

/** An IPv6 address stands in brackets there. */
function hostOf(url: string): string {
  return new URL(url).hostname.replaceAll(/[[\]]/g, '');
}

const systemClock = {
  nowMs: () => performance.now(),
  callAfter: (spanMs: number, callback: () => void) => {
    const timer = setTimeout(callback, spanMs);
    return () => clearTimeout(timer);
  },
};

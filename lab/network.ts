// A network on this machine, of namespaces: a core on the internet, and sites behind NAT whose lines are
// shaped. Real programs run in it as they would anywhere. There is no delay in it: not each kernel has netem.

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Line, SiteSpec } from './layout.ts';
import {
  coreLines,
  internetLines,
  lanLines,
  linkAddresses,
  natRules,
  nodeLines,
  outerLines,
  shaped,
  shapedLan,
  wanLines,
} from './layout.ts';
import type { Carried } from './space.ts';
import { reapWithUs } from './reaper.ts';
import { Space } from './space.ts';

/** How long a program may take to end after SIGTERM. */
const endMs = 10_000;
const prefix = 'punnet-lab';
/** Numbers above are those of nodes that moved, on their new LAN. */
const firstGuest = 100;
let networks = 0;

interface Site {
  readonly spec: SiteSpec;
  readonly router: Space;
  /** The end of its line that is nearer to the internet: whose, and what it is called there. */
  readonly outer: Space;
  readonly outerDevice: string;
}

export class Network {
  readonly core: Space;
  readonly #name: string;
  readonly #internet: Space;
  readonly #spaces: Space[] = [];
  readonly #sites = new Map<string, Site>();
  readonly #carriers = new Map<string, { readonly space: Space; lines: number }>();
  readonly #nodes = new Map<string, Space>();
  readonly #children = new Set<ChildProcess>();
  readonly #callOffReaper: () => void;
  #outerLines = 0;
  #moves = 0;

  private constructor() {
    networks += 1;
    this.#name = `${prefix}-${process.pid}-${networks}`;
    this.#callOffReaper = reapWithUs(`${this.#name}-`);
    this.#internet = this.#space('internet');
    this.core = this.#space('core');
  }

  /** Why there can be none here; undefined: there can. */
  static missing(): string | undefined {
    if (process.getuid?.() !== 0) return 'only root makes networks';
    for (const program of ['ip', 'tc', 'nft', 'nsenter', 'unshare']) {
      if (spawnSync('which', [program]).status !== 0) return `${program} is not here`;
    }
    if (!existsSync('/dev/net/tun')) return '/dev/net/tun is not here';
    const tried = spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'lab0', 'type', 'veth']);
    return tried.status === 0 ? undefined : tried.stderr.toString().trim();
  }

  /** Makes it, of these sites. Close it in the end. */
  static create(sites: readonly SiteSpec[]): Network {
    const network = new Network();
    try {
      network.#connectCore();
      for (const spec of sites) network.#addSite(spec);
      return network;
    } catch (error) {
      network.#remove();
      throw error;
    }
  }

  /** A site's node, `NAME-NUMBER`; the first is 1. */
  node(name: string): Space {
    const space = this.#nodes.get(name);
    if (space === undefined) throw new RangeError(`this lab has no node ${name}`);
    return space;
  }

  /** A site's router: `wan0` is its line, `p1` the port of its first node. */
  router(site: string): Space {
    return this.#site(site).router;
  }

  /** What a site's line has carried down (received) and up (sent), counted at its router. */
  carried(site: string): Carried {
    return this.#site(site).router.carried('wan0');
  }

  /** Takes a site's cable out, or puts it in again. */
  setPlugged(site: string, isPlugged: boolean): void {
    const { outer, outerDevice } = this.#site(site);
    outer.configure('ip', [`link set ${outerDevice} ${isPlugged ? 'up' : 'down'}`]);
  }

  /** Moves a node with all that runs in it to another house. */
  move(name: string, site: string): void {
    const node = this.node(name);
    node.configure('ip', ['link delete eth0']);
    this.#moves += 1;
    this.#plugIn(node, site, firstGuest + this.#moves);
  }

  /** Starts a program; close() ends it if nobody else has. */
  spawn(space: Space, words: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = space.spawn(words, options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends everything that runs in it, and removes it. */
  async close(): Promise<void> {
    for (const child of this.#children) child.kill();
    const deadline = performance.now() + endMs;
    const left = (): readonly number[] => this.#spaces.flatMap((space) => space.pids);
    while (left().length > 0 && performance.now() < deadline) await sleep(20);
    for (const pid of left()) endNow(pid);
    this.#remove();
  }

  #remove(): void {
    for (const space of this.#spaces) execFileSync('ip', ['netns', 'delete', space.name]);
    this.#spaces.length = 0;
    this.#callOffReaper();
  }

  #addSite(spec: SiteSpec): void {
    if (!/^[a-z0-9]{1,8}$/.test(spec.name)) throw new RangeError(`${spec.name} names no site`);
    const router = this.#space(spec.name);
    const [outer, line] = this.#outerEnd(spec.carrier);
    const outerDevice = spec.name;
    connect([router, 'wan0'], [outer, outerDevice]);
    outer.configure('ip', outerLines(outerDevice, line));
    router.configure('ip', [...wanLines(line), ...lanLines]);
    introduce([outer, outerDevice], [router, 'wan0'], line);
    asRouter(router);
    outer.configure('tc', [shaped(outerDevice, spec.downBps)]);
    router.configure('tc', [shaped('wan0', spec.upBps)]);
    this.#sites.set(spec.name, { spec, router, outer, outerDevice });
    for (let node = 1; node <= spec.nodes; node += 1) {
      const space = this.#space(`${spec.name}-${node}`);
      this.#nodes.set(`${spec.name}-${node}`, space);
      this.#plugIn(space, spec.name, node);
    }
  }

  #space(name: string): Space {
    const space = new Space(`${this.#name}-${name}`);
    execFileSync('ip', ['netns', 'add', space.name]);
    this.#spaces.push(space);
    return space;
  }

  #site(name: string): Site {
    const site = this.#sites.get(name);
    if (site === undefined) throw new RangeError(`this lab has no site ${name}`);
    return site;
  }

  #connectCore(): void {
    connect([this.core, 'eth0'], [this.#internet, 'core']);
    this.#internet.configure('ip', internetLines);
    this.core.configure('ip', coreLines);
    this.#internet.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  }

  /** Where a site's line begins: on the internet, or behind its carrier. */
  #outerEnd(carrier: string | undefined): readonly [Space, Line] {
    if (carrier === undefined) return [this.#internet, this.#nextLine()];
    const known = this.#carriers.get(carrier) ?? this.#addCarrier(carrier);
    known.lines += 1;
    return [known.space, { number: known.lines - 1, isInside: true }];
  }

  #nextLine(): Line {
    this.#outerLines += 1;
    return { number: this.#outerLines - 1, isInside: false };
  }

  #addCarrier(name: string): { readonly space: Space; lines: number } {
    const space = this.#space(`carrier-${name}`);
    const line = this.#nextLine();
    connect([space, 'wan0'], [this.#internet, `c-${name}`]);
    this.#internet.configure('ip', outerLines(`c-${name}`, line));
    space.configure('ip', wanLines(line));
    introduce([this.#internet, `c-${name}`], [space, 'wan0'], line);
    asRouter(space);
    const carrier = { space, lines: 0 };
    this.#carriers.set(name, carrier);
    return carrier;
  }

  #plugIn(node: Space, site: string, number: number): void {
    const { router, spec } = this.#site(site);
    const port = `p${number}`;
    connect([node, 'eth0'], [router, port]);
    router.configure('ip', [`link set ${port} master lan up`]);
    if (spec.isIsolated === true)
      router.run(['bridge', 'link', 'set', 'dev', port, 'isolated', 'on']);
    node.configure('ip', nodeLines(number));
    router.configure('tc', [shapedLan(port)]);
    node.configure('tc', [shapedLan('eth0')]);
  }
}

/** A cable between two namespaces, and what its ends are called there. */
function connect(one: readonly [Space, string], other: readonly [Space, string]): void {
  const [here, there] = [one[0].name, other[0].name];
  const ends = [one[1], 'netns', here, 'type', 'veth', 'peer', 'name', other[1], 'netns', there];
  execFileSync('ip', ['link', 'add', ...ends]);
}

/** Tells both ends of a line the other's hardware address: nothing but IP crosses it then. */
function introduce(
  outer: readonly [Space, string],
  inner: readonly [Space, string],
  line: Line,
): void {
  const [outerAddress, innerAddress] = linkAddresses(line.number, line.isInside);
  const pin = ([space, device]: typeof outer, address: string, mac: string): void =>
    space.configure('ip', [`neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`]);
  pin(outer, innerAddress, inner[0].hardwareAddress(inner[1]));
  pin(inner, outerAddress, outer[0].hardwareAddress(outer[1]));
}

function asRouter(space: Space): void {
  space.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  space.configure('nft', [natRules]);
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

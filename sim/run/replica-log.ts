// Where replicas of services were, from when until when and why they did not stay, as the scheduler's
// facts tell it. What must hold of services is looked at on the way.

import type { Fact } from '../../scheduler/core/index.ts';
import { endCodes, endedRowLength, leasedRowLength, partKept } from '../../scheduler/core/index.ts';
import type { World } from '../world/draw-world.ts';
import type { WorldService } from '../world/services.ts';
import { CheckFailed } from './checks.ts';
import { enrolled, startMs } from './enrol.ts';
import { nameOf, numberOf } from './messages.ts';

/** A lease of a replica. */
export interface ReplicaLease {
  readonly lease: number;
  /** A place in the world's services. */
  readonly service: number;
  readonly replica: number;
  readonly node: number;
  readonly grantedMs: number;
  /** When the scheduler took it for over; null: it was in force at the end. */
  endedMs: number | null;
  /** An end code, why the scheduler took it away, or `stopped` with its service. */
  why: string;
}

type Way = 'down' | 'up';

export class ReplicaLog {
  readonly leases: ReplicaLease[] = [];
  readonly #world: World;
  /** By the scheduler's number of a job, that of the world. */
  readonly #numbers = new Map<number, number>();
  readonly #byLease = new Map<number, ReplicaLease>();
  /** In force, by service and replica. */
  readonly #inForce: readonly Map<number, ReplicaLease>[];
  /** By site: bit/s that all services of it may have, as the scheduler was told. */
  readonly #most: Readonly<Record<Way, number>>[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#inForce = world.services.map(() => new Map());
    for (const fact of enrolled(world)) this.saw(fact);
  }

  saw(fact: Fact): void {
    if (this.#world.services.length === 0) return;
    switch (fact.kind) {
      case 'siteSet': {
        const part = fact.share * (1 - partKept);
        this.#most[numberOf(fact.siteId)] = { down: part * fact.downBps, up: part * fact.upBps };
        return;
      }
      case 'jobSubmitted':
        this.#numbers.set(fact.jobNumber, numberOf(fact.jobId));
        return;
      case 'jobCancelled':
        return this.#stopped(this.#serviceOf(fact.jobNumber), fact.at - startMs);
      case 'tasksLeased':
        return this.#leased(fact.firstLeaseId, fact.rows, fact.at - startMs);
      case 'tasksEnded':
        for (let at = 0; at < fact.rows.length; at += endedRowLength) {
          const why = endCodes[fact.rows[at + 1] ?? -1] ?? 'unknown';
          this.#over(fact.rows[at] ?? 0, why, fact.at - startMs);
        }
        return;
      case 'leasesVoided':
        for (let at = 0; at < fact.rows.length; at += 2) {
          this.#over(fact.rows[at] ?? 0, fact.why, fact.at - startMs);
        }
        return;
      case 'leaseRevived':
        return this.#revived(fact.leaseId);
      default:
    }
  }

  #serviceOf(jobNumber: number): number {
    return (this.#numbers.get(jobNumber) ?? -1) - this.#world.jobs.length;
  }

  #leased(first: number, rows: readonly number[], nowMs: number): void {
    for (let at = 0; at < rows.length; at += leasedRowLength) {
      const service = this.#serviceOf(rows[at] ?? -1);
      if (service < 0) continue;
      const of = { service, replica: rows[at + 1] ?? -1, node: rows[at + 2] ?? -1 };
      const lease = first + at / leasedRowLength;
      this.#granted({ ...of, lease, grantedMs: nowMs, endedMs: null, why: '' });
    }
  }

  #granted(granted: ReplicaLease): void {
    const { lease, service, replica, node } = granted;
    const { name, replicas } = this.#of(service);
    const inForce = this.#inForce[service];
    const other = inForce?.get(replica);
    if (inForce === undefined || replica >= replicas) {
      fail(`replica ${replica} of ${name} was given to ${nameOf(node)}, and there are ${replicas}`);
    }
    if (other !== undefined) {
      fail(
        `replica ${replica} of ${name} was given to ${nameOf(node)}, and ${nameOf(other.node)} has it`,
      );
    }
    inForce.set(replica, granted);
    this.#byLease.set(lease, granted);
    this.leases.push(granted);
    this.#checkNode(granted);
    this.#checkRates(this.#world.nodes[node]?.site ?? -1);
  }

  #checkNode({ service, node }: ReplicaLease): void {
    const { name, rates } = this.#of(service);
    const { speedGhz = 0 } = this.#world.nodes[node] ?? {};
    if ((rates.cpuGhz ?? 0) <= speedGhz) return;
    fail(
      `a replica of ${name} needs ${rates.cpuGhz} GHz, and was given to ${nameOf(node)}, whose slots have ${speedGhz}`,
    );
  }

  /** Granted ones are looked at, not those that were there when a line became slower. */
  #checkRates(site: number): void {
    const used = { down: 0, up: 0 };
    for (const [service, inForce] of this.#inForce.entries()) {
      const { downBps, upBps } = this.#of(service).rates;
      for (const { node } of inForce.values()) {
        if (this.#world.nodes[node]?.site !== site) continue;
        used.down += downBps;
        used.up += upBps;
      }
    }
    for (const way of ['down', 'up'] as const) {
      const most = this.#most[site]?.[way] ?? 0;
      if (used[way] <= most * (1 + 1e-9)) continue;
      fail(`services were given ${used[way]} bit/s ${way} of site ${site}, and may have ${most}`);
    }
  }

  #over(lease: number, why: string, nowMs: number): void {
    const found = this.#byLease.get(lease);
    if (found === undefined || found.endedMs !== null) return;
    found.endedMs = nowMs;
    found.why = why;
    this.#inForce[found.service]?.delete(found.replica);
  }

  #stopped(service: number, nowMs: number): void {
    for (const { lease } of [...(this.#inForce[service]?.values() ?? [])]) {
      this.#over(lease, 'stopped', nowMs);
    }
  }

  /** Its node was thought lost, and has it still. */
  #revived(lease: number): void {
    const found = this.#byLease.get(lease);
    if (found === undefined) return;
    found.endedMs = null;
    found.why = '';
    this.#inForce[found.service]?.set(found.replica, found);
  }

  #of(service: number): WorldService {
    const found = this.#world.services[service];
    if (found === undefined) throw new Error(`there is no service ${service}`);
    return found;
  }
}

function fail(what: string): never {
  throw new CheckFailed(`service: ${what}`);
}

// What a node is (measured at enrolment) and what it does (told in each report).

import type { Architecture } from './architecture.ts';

export interface Inventory {
  readonly architecture: Architecture;
  readonly userland: string;
  readonly model: string;
  readonly slots: number;
  /** GHz of Cortex-A53 of one slot. */
  readonly speedGhz: number;
  /** The part of a core that this is, which its owner leaves to a task; absent: all of it. */
  readonly cpuShare?: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly agentVersion: string;
  readonly nodeVersion: string;
  /** The network that it is in, such as 192.168.1.0/24; empty when nobody knows. */
  readonly lan: string;
  /** Hash of its owner's word for the place; absent: nothing was said. */
  readonly household?: string;
  /** What the sandbox enforces: cgroup-v2, cgroup-v2-rlimit, cgroup-v1, rlimit or none. */
  readonly sandbox: string;
}

export const rateSources = ['guessed', 'declared', 'measured'] as const;
export type RateSource = (typeof rateSources)[number];

export interface UplinkRate {
  readonly downBps: number;
  readonly upBps: number;
  readonly source: RateSource;
  readonly ageMs: number;
  readonly spread: number;
}

/** Of a household's line in a calendar month. */
export interface MonthBytes {
  /** Its owner's limit for all nodes of the household. */
  readonly capBytes: number;
  /** This node's. */
  readonly usedBytes: number;
  /** What this node keeps to. */
  readonly allotmentBytes: number;
}

export interface NodeStatus {
  readonly load: number;
  readonly memoryAvailableBytes: number;
  readonly diskAvailableBytes: number;
  readonly temperatureC: number;
  readonly uplink: UplinkRate | null;
  readonly isAccepting: boolean;
  /** Why not; null while it accepts. */
  readonly notAccepting: { readonly code: string; readonly reason: string } | null;
  /** Slots that the owner's limits leave. */
  readonly slots: number;
  /** Until the owner's hours end; null: they don't. */
  readonly hoursLeftMs: number | null;
  /** Researchers whose tasks its owner does not want. */
  readonly refuses: readonly string[];
  /** Whether tasks may reach the internet from there; absent: no. */
  readonly allowsInternet?: boolean;
  /** null: an agent that counts nothing. */
  readonly month: MonthBytes | null;
}

export const nodeHealths = ['new', 'healthy', 'suspect', 'lost', 'quarantined', 'revoked'] as const;
export type NodeHealth = (typeof nodeHealths)[number];

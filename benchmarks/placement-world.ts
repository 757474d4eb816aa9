// A federation for the benchmark of placement, made of the core's own facts: sites of 1 to 100 nodes,
// four models, each node a little different, and so many of the slots taken. The same for the same
// numbers.

import type { Architecture, Fact, JobTemplate } from '../scheduler/core/index.ts';
import {
  State,
  apply,
  instant,
  jobId,
  leaseId,
  nodeId,
  siteId,
  tokenId,
} from '../scheduler/core/index.ts';
import { tasksPerJob } from '../scheduler/core/limits.ts';
import { draw } from '../scheduler/core/placement/draw.ts';
import { templateOf } from './busy-state.ts';

const start = instant(1_800_000_000_000);

interface Model {
  readonly architecture: Architecture;
  readonly slots: number;
  readonly speedGhz: number;
  readonly memoryBytes: number;
}

const models: readonly Model[] = [
  { architecture: 'armv6l', slots: 1, speedGhz: 0.39, memoryBytes: 447e6 },
  { architecture: 'armv6l', slots: 1, speedGhz: 0.57, memoryBytes: 447e6 },
  { architecture: 'armv7l', slots: 4, speedGhz: 0.76, memoryBytes: 923e6 },
  { architecture: 'aarch64', slots: 4, speedGhz: 1.2, memoryBytes: 905e6 },
];

/** What tasks need: anything; a new board; much memory; so much that only some boards of a model have it. */
export const needs: readonly Partial<JobTemplate>[] = [
  { ...bundlesFor('armv6l') },
  { ...bundlesFor('aarch64') },
  { ...bundlesFor('armv6l'), memoryBytes: 500e6 },
  { ...bundlesFor('armv7l'), memoryBytes: 930e6 },
];

function bundlesFor(architecture: Architecture): Pick<JobTemplate, 'bundles'> {
  const { bundles } = templateOf(0);
  return { bundles: bundles.map((bundle) => ({ ...bundle, architecture, sizeBytes: 0 })) };
}

/** Nodes that have all reported, with nothing to do. */
export function nodesOnly(nodes: number): State {
  const state = new State();
  let siteNumber = -1;
  for (let node = 0, left = 0; node < nodes; node += 1, left -= 1) {
    if (left === 0) {
      siteNumber += 1;
      // Pareto, as in the simulator's scenarios.
      left = Math.min(100, Math.floor(1 / (1 - draw(siteNumber, 1))));
      addSite(state, siteNumber);
    }
    addNode(state, node, siteNumber);
    if (node % 1_000 === 0) apply(state, { kind: 'placementSettled' });
  }
  apply(state, { kind: 'placementSettled' });
  return state;
}

function addSite(state: State, siteNumber: number): void {
  const rates = { downBps: 10e6, upBps: 1e6, source: 'declared' as const, share: 0.5 };
  const named = { siteNumber, siteId: siteId(`site-${siteNumber}`) };
  apply(state, { kind: 'siteSet', at: start, ...named, ...rates });
}

function addNode(state: State, nodeNumber: number, siteNumber: number): void {
  const model = models[Math.floor(draw(nodeNumber, 2) * models.length)];
  if (model === undefined) throw new Error('there is no such model');
  const differs = 1 + 0.1 * (draw(nodeNumber, 3) - 0.5);
  const digits = nodeNumber.toString(16).padStart(25, '0');
  const { slots, architecture } = model;
  const inventory = {
    ...{ architecture, slots, userland: architecture, model: `Pi ${model.speedGhz}` },
    speedGhz: model.speedGhz * differs,
    memoryBytes: Math.round(model.memoryBytes * (1 + draw(nodeNumber, 4) / 16)),
    diskBytes: 16e9 + nodeNumber,
    ...{ agentVersion: '0.1.0', nodeVersion: '20.0.0', lan: '', sandbox: 'cgroup-v1' },
  };
  const enrolled: Fact = {
    ...{ kind: 'nodeEnrolled', at: start, nodeNumber, siteNumber, inventory },
    ...{ nodeId: nodeId(`n${digits}`), name: `pi-${nodeNumber}` },
    ...{ natsPublicKey: `U${digits}${digits}`, requestId: digits, tokenId: tokenId('token') },
  };
  const disk = 200e6 * 2 ** (7 * draw(nodeNumber, 5));
  const status = {
    ...{ load: 0, memoryAvailableBytes: 3e8, diskAvailableBytes: disk, temperatureC: 40 },
    ...{ uplink: null, isAccepting: true, notAccepting: null, slots, hoursLeftMs: null },
    refuses: [],
    month: null,
  };
  apply(state, enrolled);
  apply(state, { kind: 'nodeHealthChanged', at: start, nodeNumber, health: 'healthy' });
  apply(state, { kind: 'nodeHeard', at: start, nodeNumber, sequence: 1, status });
}

/** Leases tasks of undemanding jobs on so many of the slots, drawn; returns the leases. */
export function fillSlots(state: State, part: number): number[] {
  const leases: number[] = [];
  const places: number[] = [];
  for (const { number, inventory } of state.nodes) {
    for (let slot = 0; slot < inventory.slots; slot += 1) {
      if (draw(number, 6 + slot) < part) places.push(number);
    }
  }
  for (let first = 0; first < places.length; first += tasksPerJob) {
    const here = places.slice(first, first + tasksPerJob);
    const jobNumber = submit(state, here.length, 0);
    const firstLeaseId = leaseId(state.nextLeaseId);
    const rows = here.flatMap((node, index) => [jobNumber, index, node, 0, 0, 0]);
    apply(state, { kind: 'tasksLeased', at: start, firstLeaseId, rows });
    for (const index of here.keys()) leases.push(firstLeaseId + index);
  }
  apply(state, { kind: 'placementSettled' });
  return leases;
}

/** A job of so many tasks; returns its number. */
export function submit(state: State, taskCount: number, need: number): number {
  const jobNumber = state.nextJobNumber;
  const template = { ...templateOf(0), taskCount, ...needs[need % needs.length] };
  const id = `j${jobNumber}`;
  apply(state, {
    ...{ kind: 'jobSubmitted', at: start, jobNumber, jobId: jobId(id), researcher: 'ada' },
    ...{ requestId: id, template },
  });
  return jobNumber;
}

// Federations with services, for the tests of these.

import { expect } from 'vitest';
import type { EndCode, JobTemplate, LeaseId, Service } from '../../../scheduler/core/index.ts';
import { CoreHarness, heldBy } from './harness.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const rates = { cpuGhz: 0.5, downBps: 200_000, upBps: 50_000 };

export function service(changes: Partial<Service['rates']> = {}): Partial<JobTemplate> {
  return { outputs: [], taskCount: 3, service: { rates: { ...rates, ...changes } } };
}

/** Sites with so many nodes of four slots each. */
export function federation(...sizes: readonly number[]): CoreHarness {
  const core = new CoreHarness();
  for (const [site, size] of sizes.entries()) {
    core.setSite(`site ${site}`, 10e6);
    for (let node = 0; node < size; node += 1) core.node(`pi ${site}.${node}`, `site ${site}`);
  }
  return core;
}

export interface Granted {
  readonly nodeId: string;
  readonly leaseId: LeaseId;
  readonly taskIndex: number;
}

/** The only lease granted since the last look; its grant may have been sent again. */
export function only(core: CoreHarness): Granted {
  const grants = new Map(core.take('grant').map((grant) => [grant.leaseId, grant]));
  expect(grants.size).toBe(1);
  return [...grants.values()][0] as Granted;
}

export function endWith(
  core: CoreHarness,
  { nodeId: node, leaseId }: Granted,
  code: EndCode,
): void {
  const how = { code, exitCode: 0, cpuMs: 1_000, wallMs: 1_000, result: null };
  core.speak(node, { ended: [{ ...how, leaseId, isResultPresent: true }] });
}

/** Everybody goes on reporting, so that nobody is lost. */
export function pass(core: CoreHarness, spanMs: number): void {
  for (let left = spanMs; left > 0; left -= minuteMs) {
    core.wait(Math.min(left, minuteMs));
    for (const node of core.state.nodes) core.speak(node.name, { held: heldBy(node) });
  }
}

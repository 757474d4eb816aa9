// A federation whose lines are measured, without the packets.

import type { Effect } from '../../../../scheduler/core/index.ts';
import { instant } from '../../../../scheduler/core/index.ts';
import { dueAt } from '../../../../scheduler/core/probes/probing.ts';
import type { SiteRecord } from '../../../../scheduler/core/state.ts';
import { CoreHarness, accepting } from '../harness.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

export type ProbeEffect = Extract<Effect, { kind: 'probe' }>;

export interface Found {
  readonly downBps?: number | null;
  readonly upBps?: number | null;
}

export class Lines extends CoreHarness {
  /** Enrols nodes that may be asked; each has a site of its own unless one is named. */
  come(names: readonly string[], site?: string): void {
    for (const name of names) {
      this.token(`token of ${name}`, site === undefined ? {} : { site });
      this.enrol(name, `token of ${name}`);
    }
    this.report(names);
  }

  report(names: readonly string[]): void {
    for (const name of names) this.speak(name, { held: [], status: accepting });
  }

  /** The next probe, if there is one within so long; all nodes go on reporting. */
  leased(withinMs: number): ProbeEffect | undefined {
    const endMs = this.nowMs + withinMs;
    while (this.nowMs < endMs) {
      const found = this.take('probe');
      if (found[0] !== undefined) return found[0];
      this.report(this.state.nodes.map(({ name }) => name));
      const dueMs = Math.min(...this.state.sites.map(dueAt));
      // Before it is due nothing happens; later it is looked at again and again.
      const stepMs = dueMs > this.nowMs ? dueMs - this.nowMs : withinMs / 60;
      this.wait(Math.min(endMs - this.nowMs, Math.max(stepMs, 10_000)));
    }
    return this.take('probe')[0];
  }

  answer({ siteNumber, leasedAt }: ProbeEffect, found: Found = {}): void {
    const { downBps = null, upBps = null } = found;
    const of = { kind: 'uplinkProbed', siteNumber, leasedAt: instant(leasedAt) } as const;
    this.give({ ...of, downBps, upBps, bytes: 250_000 });
  }

  /** The next probe, and what it finds. */
  measure(found: Found): void {
    const lease = this.leased(2 * dayMs);
    if (lease === undefined) throw new Error('no probe was leased');
    this.answer(lease, found);
  }

  get line(): SiteRecord {
    const [site] = this.state.sites;
    if (site === undefined) throw new Error('there is no site');
    return site;
  }

  /** "8 Mbit/s down, 2 up, measured" */
  get rates(): string {
    const { downBps, upBps, source } = this.line;
    return `${downBps / 1e6} down, ${upBps / 1e6} up, ${source}`;
  }
}

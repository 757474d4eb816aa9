// Which line is probed next, and by which of its nodes. One at a time in the federation: two at one line spoil each
// other, and two that this scheduler times at once are each seen late because of the other. So a restart, or
// a day on which all sites are due, makes no herd.

import type { Effect } from '../effects.ts';
import type { Fact } from '../facts.ts';
import { probeHoldMs, probeLookMs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave, transfersUnderWay } from '../state.ts';
import { dueAt } from './probing.ts';

interface Part {
  readonly facts: readonly Fact[];
  readonly effects: readonly Effect[];
}

const quiet: Part = { facts: [], effects: [] };

/** At each tick: the lease of the next probe, or the end of one that nobody answers. */
export function leaseProbe(state: State, now: Instant): Part {
  const { probe } = state;
  if (probe !== null) {
    if (now < probe.until) return quiet;
    const { siteNumber } = probe;
    const lost = {
      kind: 'uplinkMeasured',
      at: now,
      siteNumber,
      downBps: null,
      upBps: null,
    } as const;
    return { facts: [{ ...lost, bytes: 0 }], effects: [] };
  }
  if (now < state.probesLookedAt + probeLookMs) return quiet;
  const { next, held } = nextLine(state, now);
  const looked: Fact = { kind: 'probesLookedAt', at: now, heldSite: held };
  if (next === null) return { facts: [looked], effects: [] };
  const { site, node } = next;
  const leased = { kind: 'probeLeased', at: now, siteNumber: site.number } as const;
  return {
    facts: [looked, { ...leased, nodeNumber: node.number }],
    effects: [{ kind: 'probe', nodeId: node.nodeId, siteNumber: site.number, leasedAt: now }],
  };
}

interface Turn {
  readonly site: SiteRecord;
  readonly node: NodeRecord;
}

/**
 * The line that is due for the longest time and is not busy with bytes of ours. A busy one that has waited for
 * long is given no new bytes meanwhile: its guess may be what keeps it busy.
 */
function nextLine(
  state: State,
  now: Instant,
): { readonly next: Turn | null; readonly held: number | null } {
  let next: { readonly turn: Turn; readonly due: number } | null = null;
  let held: { readonly siteNumber: number; readonly due: number } | null = null;
  for (const site of state.sites) {
    // Without slots nobody there may be asked.
    if (site.source === 'declared' || site.cpuGhz === 0) continue;
    const due = dueAt(site);
    if (due > now) continue;
    const node = whoseTurn(state, site);
    if (node === undefined) continue;
    if (!isBusy(site)) {
      if (next === null || due < next.due) next = { turn: { site, node }, due };
    } else if (due + probeHoldMs <= now && (held === null || due < held.due)) {
      held = { siteNumber: site.number, due };
    }
  }
  return { next: next?.turn ?? null, held: held?.siteNumber ?? null };
}

function isBusy({ lanes }: SiteRecord): boolean {
  return transfersUnderWay(lanes.down) + transfersUnderWay(lanes.up) > 0;
}

/** A site's nodes take turns: the next of those that may be asked. */
function whoseTurn(state: State, { nodeNumbers, probing }: SiteRecord): NodeRecord | undefined {
  let first: NodeRecord | undefined;
  for (const number of nodeNumbers) {
    const node = mustHave(state.nodes[number], 'node', number);
    if (!mayBeAsked(node)) continue;
    if (number > probing.nodeNumber) return node;
    first ??= node;
  }
  return first;
}

/** Its owner lets it work now, and it is at home: elsewhere it would measure another line. */
function mayBeAsked({ health, status, sight, natGroup }: NodeRecord): boolean {
  if (health !== 'healthy' || status?.isAccepting !== true) return false;
  return sight === null || sight.natGroup === natGroup;
}

// What the tunnels of a site have carried shows that its line can do so much. A guess below that was
// too careful, and probes that found less met other traffic. It proves no more than that: the line may do better, so
// what is seen raises a rate, never lowers one, and does not make a measurement of a guess. What an operator declared stays.

import type { Fact } from '../facts.ts';
import { raiseBy, seenForMs, tunnelPayload } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Sight } from './siting.ts';

interface Rates {
  downBps: number;
  upBps: number;
}

/** Facts for sites whose rates were too low; `sightings` are of one moment, before they are applied. */
export function raiseGuesses(
  state: State,
  sightings: readonly { readonly node: NodeRecord; readonly sight: Sight }[],
  now: Instant,
): readonly Fact[] {
  // For each address apart: a site that a careless token spread over two homes has not their sum.
  const seen = new Map<number, Map<string, Rates>>();
  for (const { node, sight } of sightings) {
    const rates = ratesOf(node, sight);
    if (rates === null) continue;
    const groups = seen.get(node.siteNumber) ?? new Map<string, Rates>();
    const sum = groups.get(sight.natGroup) ?? { downBps: 0, upBps: 0 };
    sum.downBps += rates.downBps;
    sum.upBps += rates.upBps;
    seen.set(node.siteNumber, groups.set(sight.natGroup, sum));
  }
  const facts: Fact[] = [];
  for (const [siteNumber, groups] of seen) {
    const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
    const fact = site.source === 'declared' ? null : raised(site, [...groups.values()], now);
    if (fact !== null) facts.push(fact);
  }
  return facts;
}

/**
 * Of payload through its tunnel, bit/s, since it was seen before; null: nobody knows. The server counts
 * both directions, so a node can make its line look faster only by sending so much.
 */
function ratesOf({ natGroup, sight: before }: NodeRecord, sight: Sight): Rates | null {
  if (before === null || before.connection !== sight.connection) return null;
  // It is not at home: what carries it now is another line.
  if (before.natGroup !== natGroup || sight.natGroup !== natGroup) return null;
  const ms = sight.seenAt - before.seenAt;
  if (ms < seenForMs) return null;
  const bps = (bytes: number): number => (Math.max(0, bytes) * 8_000 * tunnelPayload) / ms;
  const downBps = bps(sight.downBytes - before.downBytes);
  return { downBps, upBps: bps(sight.upBytes - before.upBytes) };
}

function raised(site: SiteRecord, groups: readonly Rates[], now: Instant): Fact | null {
  const most = (guess: number, found: readonly number[]): number => {
    const seen = Math.round(Math.max(...found));
    return seen >= guess * raiseBy ? seen : guess;
  };
  const { number: siteNumber, siteId, source, share } = site;
  const downBps = most(
    site.downBps,
    groups.map((group) => group.downBps),
  );
  const upBps = most(
    site.upBps,
    groups.map((group) => group.upBps),
  );
  if (downBps === site.downBps && upBps === site.upBps) return null;
  return { kind: 'siteSet', at: now, siteNumber, siteId, source, share, downBps, upBps };
}

// How facts about probes change the state.

import type { Fact } from '../facts.ts';
import { placeFreed } from '../leases.ts';
import { probePatienceMs, probesADay, probesRemembered } from '../limits.ts';
import { instant } from '../model/ids.ts';
import type { State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Measurement, Probing } from './probing.ts';

type ProbeFact = Extract<
  Fact,
  { readonly kind: 'probesLookedAt' | 'probeLeased' | 'uplinkMeasured' }
>;

export function applyProbeFact(state: State, fact: ProbeFact): void {
  if (fact.kind === 'probesLookedAt') {
    state.probesLookedAt = fact.at;
    if (state.heldSite !== null && state.heldSite !== fact.heldSite) {
      goOn(state, state.heldSite);
    }
    state.heldSite = fact.heldSite;
    return;
  }
  const { siteNumber, at } = fact;
  const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
  if (fact.kind === 'probeLeased') {
    const { leases, leasedAt } = site.probing;
    site.probing = {
      ...site.probing,
      leases: leases + 1,
      leasedAt: [...leasedAt, at].slice(-probesADay),
      nodeNumber: fact.nodeNumber,
    };
    state.probe = { siteNumber, leasedAt: at, until: instant(at + probePatienceMs) };
    return;
  }
  site.probing = withMeasurement(site.probing, fact);
  state.probe = null;
  goOn(state, siteNumber);
}

/** What waited for the line while it was measured: its own transfers, and those of other sites that cross it. */
function goOn(state: State, siteNumber: number): void {
  placeFreed(state, mustHave(state.sites[siteNumber], 'site', siteNumber));
}

/** With what one probe found. */
export function withMeasurement(
  probing: Probing,
  { at, downBps, upBps, bytes }: Measurement & { readonly bytes: number },
): Probing {
  const isFailed = downBps === null || upBps === null;
  const isNothing = downBps === null && upBps === null;
  const found = isNothing ? [] : [{ at, downBps, upBps }];
  return {
    ...probing,
    failures: isFailed ? probing.failures + 1 : 0,
    recent: [...probing.recent, ...found].slice(-probesRemembered),
    bytes: probing.bytes + bytes,
  };
}

// A probe has come to its end: what the line can do now.

import type { UplinkProbed } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing } from '../decision.ts';
import type { Fact } from '../facts.ts';
import type { Instant } from '../model/ids.ts';
import { mustHave } from '../state.ts';
import type { State } from '../state.ts';
import { estimateOf } from './estimate.ts';
import { withMeasurement } from './apply-probes.ts';

/** What an operator declared stays, whatever is measured; what was guessed does not. */
export function takeMeasurement(state: State, command: UplinkProbed, now: Instant): Decision {
  const { siteNumber, leasedAt, downBps, upBps, bytes } = command;
  const { probe } = state;
  // It has been given up, or is of a scheduler of before.
  if (probe === null || probe.siteNumber !== siteNumber || probe.leasedAt !== leasedAt) {
    return nothing;
  }
  const site = mustHave(state.sites[siteNumber], 'site', siteNumber);
  const measured = { kind: 'uplinkMeasured', at: now, siteNumber, downBps, upBps, bytes } as const;
  const facts: Fact[] = [measured];
  const estimate = estimateOf(withMeasurement(site.probing, measured).recent);
  const isNews = downBps !== null || upBps !== null;
  if (site.source !== 'declared' && isNews && estimate !== null) {
    const { siteId, share } = site;
    const rates = { downBps: estimate.downBps, upBps: estimate.upBps };
    const about = { kind: 'siteSet', at: now, siteNumber, siteId, share } as const;
    facts.push({ ...about, ...rates, source: 'measured' });
  }
  return { ...nothing, facts };
}

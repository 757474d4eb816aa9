// What operators declare of sites' uplinks.

import type { CommandRefusal, SetSite, SetSites } from '../commands.ts';
import type { Decision } from '../decision.ts';
import { nothing, refusal } from '../decision.ts';
import type { Fact } from '../facts.ts';
import * as limits from '../limits.ts';
import type { Instant, SiteId } from '../model/ids.ts';
import { estimateOf } from '../probes/estimate.ts';
import type { SiteRecord, State } from '../state.ts';

type Wanted = Omit<SetSite, 'kind'>;

export function setSite(state: State, command: SetSite, now: Instant): Decision {
  const no = refuseNewSite(state, command.siteId) ?? refuseRates(state, command);
  if (no !== null) return { ...nothing, answer: no };
  return { ...nothing, facts: [siteFact(state, command, { now, next: state.sites.length })] };
}

/** Sets all of them, or none. */
export function setSites(state: State, { sites }: SetSites, now: Instant): Decision {
  const facts: Fact[] = [];
  const names = new Set<SiteId>();
  let next = state.sites.length;
  for (const [at, wanted] of sites.entries()) {
    const { siteId } = wanted;
    const no = names.has(siteId) ? twice(siteId) : refuseRates(state, wanted);
    if (no !== null)
      return { ...nothing, answer: { ...no, field: `sites[${at}].${no.field || 'siteId'}` } };
    names.add(siteId);
    facts.push(siteFact(state, wanted, { now, next }));
    if (!state.siteById.has(siteId)) next += 1;
  }
  if (next > limits.sites) {
    const reason = `With these the federation would have ${next} sites, at most it has ${limits.sites}.`;
    return { ...nothing, answer: refusal('exhausted', reason) };
  }
  return { ...nothing, facts };
}

function twice(id: SiteId): CommandRefusal {
  return refusal('invalid', `wanted each site once, found ${id} again`, 'siteId');
}

/** A rate has one source for both directions: what was guessed or measured must not be shown as declared. */
function refuseRates(
  state: State,
  { siteId: id, downBps, upBps, isMeasured }: Wanted,
): CommandRefusal | null {
  const known = state.siteById.get(id);
  const hasBoth = downBps !== null && upBps !== null;
  if (hasBoth || known?.source === 'declared') return null;
  if (known === undefined) {
    const reason = `There is no site ${id}. To make it, declare both rates of its uplink: punnet site set ${id} --down RATE --up RATE.`;
    return refusal('not_found', reason);
  }
  if (isMeasured === true || (downBps === null && upBps === null)) return null;
  const missing = downBps === null ? 'down' : 'up';
  const reason = `wanted both rates of the uplink of ${id}, found one: this one is ${known.source}, not declared`;
  return refusal('failed_precondition', reason, missing);
}

/** What is null stays as it is; of a new site, which gets the number `next`, it is guessed. */
function siteFact(
  state: State,
  { siteId: id, downBps, upBps, share, isMeasured }: Wanted,
  { now, next }: { readonly now: Instant; readonly next: number },
): Fact {
  const known = state.siteById.get(id);
  const isDeclared = downBps !== null || upBps !== null;
  const about = {
    kind: 'siteSet',
    at: now,
    siteNumber: known?.number ?? next,
    siteId: id,
    share: share ?? known?.share ?? limits.defaultShare,
  } as const;
  if (isMeasured === true && known?.source === 'declared')
    return { ...about, ...undeclared(known) };
  return {
    ...about,
    downBps: downBps ?? known?.downBps ?? limits.guessedDownBps,
    upBps: upBps ?? known?.upBps ?? limits.guessedUpBps,
    source: isDeclared ? 'declared' : (known?.source ?? 'guessed'),
    ...(!isDeclared && known !== undefined && { ratesAt: known.setAt }),
  };
}

/** What probes have found, or a guess until they do. */
function undeclared({ probing }: SiteRecord) {
  const found = estimateOf(probing.recent);
  if (found === null) {
    const { guessedDownBps: downBps, guessedUpBps: upBps } = limits;
    return { downBps, upBps, source: 'guessed' } as const;
  }
  const { downBps, upBps } = found;
  const ratesAt = probing.recent.at(-1)?.at;
  return { downBps, upBps, source: 'measured', ...(ratesAt !== undefined && { ratesAt }) } as const;
}

export function refuseNewSite(state: State, id: SiteId): CommandRefusal | null {
  if (state.siteById.has(id) || state.sites.length < limits.sites) return null;
  const reason = `The federation has ${limits.sites} sites, the most it can have.`;
  return refusal('exhausted', reason);
}

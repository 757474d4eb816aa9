// Where the rates of a line are from, in words for people.

import type { SiteRecord } from '../state.ts';
import { estimateOf } from './estimate.ts';
import type { Measurement } from './probing.ts';
import { countOf } from '../words.ts';

/** A sentence without its full stop. */
export function whyRates({ siteId, source, probing }: SiteRecord): string {
  const { recent, failures } = probing;
  switch (source) {
    case 'declared':
      return `an operator declared them, so no probe measures it (punnet site set ${siteId} --measured would)`;
    case 'measured': {
      const since = failures === 0 ? '' : `; since then ${countOf(failures, 'probe')} failed`;
      return `${measuredBy(recent)}, or more where its tunnels have carried more${since}`;
    }
    case 'guessed': {
      const guess = 'a careful guess, or what its tunnels have carried';
      return failures === 0
        ? `${guess}: not probed yet`
        : `${guess}: ${countOf(failures, 'probe')} failed`;
    }
  }
}

function measuredBy(recent: readonly Measurement[]): string {
  if (recent.length === 1) return 'one probe, which may be wrong until a second agrees';
  return estimateOf(recent)?.isUnsure === true
    ? `${countOf(recent.length, 'probe')} that do not agree, the slower one`
    : `the median of ${countOf(recent.length, 'probe')}`;
}

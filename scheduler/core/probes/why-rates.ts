// Where the rates of a line are from, in words for people.

import type { SiteRecord } from '../state.ts';
import { countOf } from '../words.ts';

/** A sentence without its full stop. */
export function whyRates({ siteId, source, probing }: SiteRecord): string {
  const { recent, failures } = probing;
  switch (source) {
    case 'declared':
      return `an operator declared them, so no probe measures it (punnet site set ${siteId} --measured would)`;
    case 'measured': {
      const of =
        recent.length === 1 ? 'one probe' : `the median of ${countOf(recent.length, 'probe')}`;
      const since = failures === 0 ? '' : `; since then ${countOf(failures, 'probe')} failed`;
      return `${of}, or more where its tunnels have carried more${since}`;
    }
    case 'guessed': {
      const guess = 'a careful guess, or what its tunnels have carried';
      return failures === 0
        ? `${guess}: not probed yet`
        : `${guess}: ${countOf(failures, 'probe')} failed`;
    }
  }
}

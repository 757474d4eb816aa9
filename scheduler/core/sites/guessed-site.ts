// A site of whose uplink nothing is known yet.

import type { Fact } from '../facts.ts';
import { defaultShare, guessedDownBps, guessedUpBps } from '../limits.ts';
import type { Instant, SiteId } from '../model/ids.ts';

export function guessedSite(
  { siteId, siteNumber }: { readonly siteId: SiteId; readonly siteNumber: number },
  now: Instant,
): Fact {
  return {
    ...{ kind: 'siteSet', at: now, siteNumber, siteId, source: 'guessed', share: defaultShare },
    ...{ downBps: guessedDownBps, upBps: guessedUpBps },
  };
}

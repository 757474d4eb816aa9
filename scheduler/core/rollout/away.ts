// Whose silence says nothing of a release: a school switches off all that it has at night, and some nodes are off
// for hours every day, whatever they run.

import type { Instant } from '../model/ids.ts';
import { habitMs, longestHoldMs, togetherMs } from './limits.ts';

/** A node as it comes and goes. */
export interface Presence {
  readonly number: number;
  readonly siteNumber: number;
  readonly isHeard: boolean;
  /** Since when it is silent, if it is not heard. */
  readonly silentSince: Instant;
  /** When the version that it has became active there; null: it has not told. */
  readonly activeSince: Instant | null;
  /** When it was heard again, before that, after it was silent for long, on the day before the last on which it was: once is
   * no habit; 0: not on two days. */
  readonly awayBefore: Instant;
}

/** Numbers of the nodes that are silent together with all others of their site, or as they often are, for days at most. */
export function awayNodes(nodes: readonly Presence[], now: Instant): ReadonlySet<number> {
  const away = new Set<number>();
  const bySite = new Map<number, Presence[]>();
  for (const node of nodes) {
    const ofSite = bySite.get(node.siteNumber) ?? [];
    ofSite.push(node);
    bySite.set(node.siteNumber, ofSite);
  }
  for (const ofSite of bySite.values()) {
    const isDark = !ofSite.some(({ isHeard }) => isHeard);
    for (const node of ofSite) {
      if (node.isHeard) continue;
      // One that is off by habit comes back within days: what kills it would pass for a habit else.
      const isBackSoon = isUsual(node) && now - node.silentSince <= longestHoldMs;
      if (isBackSoon || (isDark && wentTogether(node, ofSite))) away.add(node.number);
    }
  }
  return away;
}

/** One node alone could be silent for any reason; those that died long ago are no company. */
function wentTogether({ number, silentSince }: Presence, ofSite: readonly Presence[]): boolean {
  return ofSite.some(
    (other) => other.number !== number && Math.abs(other.silentSince - silentSince) <= togetherMs,
  );
}

function isUsual({ activeSince, awayBefore, silentSince }: Presence): boolean {
  return awayBefore > 0 && (activeSince ?? silentSince) - awayBefore <= habitMs;
}

// Sites put together by their ratio, so that a figure has few rows however many sites there are.

import type { SiteUse } from '../site-uses.ts';

/** Rows of a figure. */
const mostGroups = 16;

export interface SiteGroup {
  readonly label: string;
  readonly sites: number;
  readonly cpuGhz: number;
  /** Bytes a second that the owners leave. */
  readonly downRate: number;
  readonly upRate: number;
  /** Of its sites together: Gbit/s down for each GHz. */
  readonly ratio: number;
}

export interface SiteGroups {
  /** The lowest ratio first. */
  readonly groups: readonly SiteGroup[];
  /** By site, a place in `groups`. */
  readonly groupOf: readonly number[];
}

/** Few sites are a group each; of many, each group has about the same part of the federation's CPU. */
export function siteGroupsOf(uses: readonly SiteUse[]): SiteGroups {
  const sorted = uses
    .map((use, site) => ({ use, site, ratio: ratioOf(use) }))
    .sort((a, b) => a.ratio - b.ratio || a.site - b.site);
  const all = uses.reduce((sum, { cpuGhz }) => sum + cpuGhz, 0);
  const members: (typeof sorted)[] = [];
  let before = 0;
  let last = -1;
  for (const [place, each] of sorted.entries()) {
    const part = Math.floor((mostGroups * before) / all);
    const of = uses.length <= mostGroups ? place : part;
    if (of !== last) members.push([]);
    last = of;
    members.at(-1)?.push(each);
    before += each.use.cpuGhz;
  }
  const groupOf = uses.map(() => -1);
  for (const [group, those] of members.entries()) {
    for (const { site } of those) groupOf[site] = group;
  }
  return { groups: members.map(groupFrom), groupOf };
}

function groupFrom(
  members: readonly { readonly use: SiteUse; readonly site: number }[],
  place: number,
): SiteGroup {
  const total = (of: (use: SiteUse) => number): number =>
    members.reduce((sum, { use }) => sum + of(use), 0);
  const cpuGhz = total((use) => use.cpuGhz);
  const downRate = total((use) => use.downRate);
  const upRate = total((use) => use.upRate);
  const ratio = ratioOf({ cpuGhz, downRate });
  const who = members.length === 1 ? `site ${members[0]?.site}` : `${members.length} sites`;
  // The number keeps groups apart that are else alike.
  const label = `${place + 1}: ${who}, ${ratio.toExponential(1)}`;
  return { label, sites: members.length, cpuGhz, downRate, upRate, ratio };
}

function ratioOf({ cpuGhz, downRate }: Pick<SiteUse, 'cpuGhz' | 'downRate'>): number {
  return (8e-9 * downRate) / cpuGhz;
}

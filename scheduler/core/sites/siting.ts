// Where a node is, and how that is known.

import type { Instant, NodeId, SiteId } from '../model/ids.ts';
import { instant, siteId } from '../model/ids.ts';

/**
 * Why a node counts to its site, what outranks others first: an operator said so; its token names the
 * site; its owner says that it is at one place with others, as theirs do; it is on the LAN of others of
 * the site; it comes from the address that they come from; nothing but itself. The last four follow
 * where the node goes.
 */
export const sitedBys = ['operator', 'token', 'owner', 'lan', 'nat', 'alone'] as const;
export type SitedBy = (typeof sitedBys)[number];

/** Somebody said where the node is. */
export function isTold(by: SitedBy): boolean {
  return by === 'operator' || by === 'token';
}

/** Whether the first says more of where a node is than the second. */
export function outranks(by: SitedBy, other: SitedBy): boolean {
  return sitedBys.indexOf(by) < sitedBys.indexOf(other);
}

/** The site that a node has for itself, as long as nothing says where it is. */
export function ownSiteName(nodeId: NodeId): SiteId {
  return siteId(`home-${nodeId}`);
}

/** What is known of a node's place; durable. */
export interface Siting {
  readonly siteNumber: number;
  readonly sitedBy: SitedBy;
  /** Hash of the address behind which it is at home; '' as long as nobody knows. */
  readonly natGroup: string;
  /** Since when it counts to that group; 0: never. */
  readonly natGroupSince: Instant;
  /** Nodes of one group with the same number were proved to be on one LAN; null: with nobody. */
  readonly lan: number | null;
}

/** Of a node that has just enrolled, or did before places were followed: a site that is not its own is
 * one that its token named. */
export function enrolledSiting(enrolled: {
  readonly nodeId: NodeId;
  readonly siteNumber: number;
  readonly siteId: SiteId;
}): Siting & { readonly tokenSiteNumber: number | null } {
  const { nodeId, siteNumber, siteId: id } = enrolled;
  const isOwn = id === ownSiteName(nodeId);
  return {
    siteNumber,
    sitedBy: isOwn ? 'alone' : 'token',
    tokenSiteNumber: isOwn ? null : siteNumber,
    natGroup: '',
    natGroupSince: instant(0),
    lan: null,
  };
}

/** Its tunnel as it was seen last; soft. */
export interface Sight {
  readonly natGroup: string;
  /** Since when it comes from there without a break that was seen. */
  readonly natGroupSince: Instant;
  readonly seenAt: Instant;
  readonly connection: string;
  readonly since: Instant;
  readonly upBytes: number;
  readonly downBytes: number;
}

// Why a node counts to its site, in words for people.

import { moveAfterMs, natGroupMost, namesListed } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import type { NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { countOf } from '../words.ts';
import { sitedBys } from './siting.ts';
import type { SitedBy } from './siting.ts';

/** A sentence without its full stop. */
export function whySited(state: State, node: NodeRecord, now: Instant): string {
  const moving = movingText(node, now);
  return moving === '' ? reasonText(state, node) : `${reasonText(state, node)}; ${moving}`;
}

function reasonText(state: State, node: NodeRecord): string {
  switch (node.sitedBy) {
    case 'operator':
      return 'an operator said so';
    case 'token':
      return 'its token names this site';
    case 'owner':
      return `its owner says that it is at one place with ${namesOf(householdOf(state, node)) || 'others'}`;
    case 'lan':
      return `it is on one LAN with ${namesOf(lanOf(state, node))}`;
    case 'nat':
      return `it connects from the same address as ${namesOf(neighboursOf(state, node))}`;
    case 'alone': {
      if (node.natGroup === '') return 'nothing says where it is, so it is a site of its own';
      const others = neighboursOf(state, node).length;
      if (others === 0) return 'nobody else connects from its address';
      const many = others >= natGroupMost ? 'too many for a house' : 'of more than one site';
      return `${countOf(others, 'other node')} ${many} connect from its address, so it is a site of its own`;
    }
  }
}

function lanOf(state: State, node: NodeRecord): readonly NodeRecord[] {
  return neighboursOf(state, node).filter(({ lan }) => lan === node.lan);
}

function householdOf(state: State, node: NodeRecord): readonly NodeRecord[] {
  const { household } = node.inventory;
  if (household === undefined) return [];
  return neighboursOf(state, node).filter(({ inventory }) => inventory.household === household);
}

function namesOf(others: readonly NodeRecord[]): string {
  const named = others.slice(0, namesListed).map(({ name, nodeId }) => name || nodeId);
  const more = others.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

function neighboursOf(state: State, node: NodeRecord): readonly NodeRecord[] {
  const numbers = [...(state.natGroups.get(node.natGroup) ?? [])];
  const nodes = numbers.map((number) => mustHave(state.nodes[number], 'node', number));
  return nodes.filter((other) => other !== node && other.health !== 'revoked');
}

function movingText({ sight, natGroup, sitedBy }: NodeRecord, now: Instant): string {
  if (sight === null || sight.natGroup === natGroup || sitedBy === 'operator') return '';
  const minutes = Math.floor((now - sight.natGroupSince) / 60_000);
  return `for ${countOf(minutes, 'minute')} it has connected from another address, which counts after ${countOf(moveAfterMs / 60_000, 'minute')}`;
}

const texts: Readonly<Record<SitedBy, string>> = {
  operator: 'by an operator',
  token: 'by token',
  owner: 'by owner',
  lan: 'by LAN',
  nat: 'by address',
  alone: 'alone',
};

/** How it is known of the nodes of a site where they are: "2 by token, 1 by address"; from how many
 * addresses they connect, if from several; how many LANs were proved. */
export function siteEvidence(nodes: readonly NodeRecord[]): string {
  const parts = sitedBys.flatMap((by) => {
    const count = nodes.filter(({ sitedBy }) => sitedBy === by).length;
    return count === 0 ? [] : [`${count} ${texts[by]}`];
  });
  const addresses = new Set(nodes.map(({ natGroup }) => natGroup).filter((group) => group !== ''));
  if (addresses.size > 1) parts.push(`${addresses.size} addresses`);
  const lans = new Set(nodes.map(({ lan }) => lan).filter((lan) => lan !== null));
  if (lans.size > 0) parts.push(countOf(lans.size, 'LAN'));
  return parts.join(', ');
}

/** A site that was made for one node, which has gone elsewhere: nobody looks for it. */
export function isLeftOver({ nodeNumbers, source, siteId }: SiteRecord): boolean {
  return nodeNumbers.length === 0 && source === 'guessed' && siteId.startsWith('home-');
}

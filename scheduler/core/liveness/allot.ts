// A household's bytes of a month, split among its nodes so that the sum holds whatever is lost on the way and
// while the scheduler is silent: nobody is given more before others are known to keep to less.

import type { MonthBytes } from '../model/node.ts';
import type { NodeRecord, State } from '../state.ts';
import { siteOf } from '../leases.ts';
import { mustHave } from '../state.ts';

/** Changes below this part of the cap are not worth a message, nor a write to an SD card. */
const leastChange = 0.05;

/** One node of the household; null: it has not said so since the start of the scheduler. */
export type Member = {
  readonly month: MonthBytes;
  /** What it was last given; its last report may not know of it. 0: nothing yet. */
  readonly givenBytes: number;
} | null;

/**
 * What a node is to keep to; null: it may go on with what it has. What is not used is split evenly. Of a node
 * that is silent its even part of the cap is left alone.
 */
export function allot(month: MonthBytes, others: readonly Member[]): number | null {
  const known = others.filter((each) => each !== null);
  const capBytes = Math.min(month.capBytes, ...known.map((each) => each.month.capBytes));
  const evenBytes = capBytes / (others.length + 1);
  const silentBytes = evenBytes * (others.length - known.length);
  const usedBytes = sum(known.map((each) => each.month.usedBytes)) + month.usedBytes;
  const restBytes = Math.max(0, capBytes - silentBytes - usedBytes);
  const wantedBytes = month.usedBytes + restBytes / (known.length + 1);
  const keptBytes = sum(known.map(keptOf)) + silentBytes;
  // What it has it may keep up to its part. Nodes that were thought to be alone at a line each have all of it:
  // the first of them to report would stand idle until the others do.
  const mostBytes = Math.max(month.allotmentBytes, capBytes - keptBytes);
  const allotted = Math.floor(Math.min(wantedBytes, mostBytes));
  const change = Math.abs(allotted - month.allotmentBytes);
  return change > leastChange * capBytes ? allotted : null;
}

/** The most that it may hold itself to. */
function keptOf({ month, givenBytes }: NonNullable<Member>): number {
  return Math.max(month.allotmentBytes, month.usedBytes, givenBytes);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The other nodes of its site, but those that are out. */
export function othersAtSite(state: State, node: NodeRecord): readonly Member[] {
  return siteOf(state, node)
    .nodeNumbers.map((number) => mustHave(state.nodes[number], 'node', number))
    .filter((other) => other !== node && other.health !== 'revoked')
    .map((other) => {
      const month = other.status?.month ?? null;
      return month === null ? null : { month, givenBytes: other.allottedBytes };
    });
}

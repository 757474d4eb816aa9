// Places of blobs that a site exchanges, each kind's bounded. Nobody declared packages, so that a node could name any number
// of them: it has a bound of its own, and the package that nobody has wanted for the longest time gives way to a new one.

import type { NodeRecord, State } from '../state.ts';
import type { Exchange } from './exchange.ts';
import {
  exchangesPerSite,
  foreignMost,
  foreignPerNode,
  foreignPerSite,
  membersPerExchange,
} from './limits.ts';

export type Place =
  | { readonly kind: 'free' }
  /** This one has to be closed. */
  | { readonly kind: 'instead'; readonly of: Exchange }
  | { readonly kind: 'none' };

/** What one message of a node takes of them: its facts are applied when all of it was judged. */
export class Places {
  readonly #state: State;
  readonly #node: NodeRecord;
  readonly #closed = new Set<Exchange>();
  readonly #opened = { packages: 0, others: 0 };
  /** Packages that the node begins to take part in. */
  #joined = 0;

  constructor(state: State, node: NodeRecord) {
    this.#state = state;
    this.#node = node;
  }

  /** In this exchange, or in a new one. */
  take(open: Exchange | undefined, isForeign: boolean): Place {
    if (open?.members.has(this.#node.number) === true) return { kind: 'free' };
    if (!isForeign) return open === undefined ? this.#openOther() : join(open);
    if (this.#own() + this.#joined >= foreignPerNode) return { kind: 'none' };
    const place = open === undefined ? this.#openPackage() : join(open);
    if (place.kind !== 'none') this.#joined += 1;
    return place;
  }

  #openOther(): Place {
    const open = this.#ofSite(false).length + this.#opened.others;
    if (open >= exchangesPerSite) return { kind: 'none' };
    this.#opened.others += 1;
    return { kind: 'free' };
  }

  #openPackage(): Place {
    const more = this.#opened.packages - this.#closed.size;
    const isRoom =
      this.#ofSite(true).length + more < foreignPerSite &&
      this.#state.exchanges.foreignOpen + more < foreignMost;
    const of = isRoom ? null : this.#oldest();
    if (!isRoom && of === null) return { kind: 'none' };
    this.#opened.packages += 1;
    if (of === null) return { kind: 'free' };
    this.#closed.add(of);
    return { kind: 'instead', of };
  }

  #oldest(): Exchange | null {
    let oldest: Exchange | null = null;
    let since = Number.POSITIVE_INFINITY;
    for (const exchange of this.#ofSite(true)) {
      const { idleSince } = exchange;
      if (idleSince === null || idleSince >= since || this.#closed.has(exchange)) continue;
      [oldest, since] = [exchange, idleSince];
    }
    return oldest;
  }

  #own(): number {
    return this.#ofSite(true).filter(({ members }) => members.has(this.#node.number)).length;
  }

  #ofSite(isForeign: boolean): readonly Exchange[] {
    const ofSite = this.#state.exchanges.bySite.get(this.#node.siteNumber)?.values() ?? [];
    return [...ofSite].filter((each) => each.isForeign === isForeign);
  }
}

function join({ members }: Exchange): Place {
  return { kind: members.size < membersPerExchange ? 'free' : 'none' };
}

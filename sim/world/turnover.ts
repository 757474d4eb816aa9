// Who joins a federation and who leaves it for good, from the seed: owners with all nodes of their
// sites, and nodes whose SD cards die. A node on a new card is a new one: its keys died with the old.

import { drawsFor } from '../kernel/random.ts';
import type { Draw } from '../kernel/random.ts';
import type { TurnoverOf } from '../scenario/schema.ts';
import type { WorldNode, WorldSite } from './draw-world.ts';
import { drawGapMs } from './line-faults.ts';

/** From when until when a node is there; both in the time of a run. */
export interface Life {
  /** 0: from the beginning. */
  readonly fromMs: number;
  /** Infinity: to the end. */
  readonly untilMs: number;
}

export interface Draws {
  readonly drawSite: (mostNodes: number) => WorldSite;
  readonly drawBoard: (site: number) => WorldNode;
}

export interface Drawn {
  readonly sites: readonly WorldSite[];
  readonly nodes: readonly WorldNode[];
  readonly lives: readonly Life[];
}

type Lived = Life & { readonly node: WorldNode };

/** Those of the beginning keep their places; the others follow in the order in which they join. */
export function drawTurnover(
  wanted: TurnoverOf,
  first: Draws & Omit<Drawn, 'lives'> & { readonly seed: number },
): Drawn {
  const { stay = Infinity, until } = wanted;
  const draw = drawsFor('turnover', first.seed);
  const drawCard = drawsFor('cards', first.seed);
  const leavesAt = first.sites.map(() => leaving(draw, { fromMs: 0, stay, until }));
  const cards = (node: WorldNode, life: Life): readonly Lived[] =>
    cardsOf(drawCard, wanted, life).map((each) => ({ ...each, node }));
  const early = first.nodes.map((node) =>
    cards(node, { fromMs: 0, untilMs: leavesAt[node.site] ?? Infinity }),
  );
  const sites = [...first.sites];
  const late = early.flatMap(([, ...others]) => others);
  const everyMs = stay / first.sites.length;
  for (let atMs = drawGapMs(draw, everyMs); atMs < until; atMs += drawGapMs(draw, everyMs)) {
    const life = { fromMs: atMs, untilMs: leaving(draw, { fromMs: atMs, stay, until }) };
    const site = first.drawSite(Infinity);
    for (let place = 0; place < site.nodes; place += 1) {
      late.push(...cards(first.drawBoard(sites.length), life));
    }
    sites.push(site);
  }
  late.sort((one, other) => one.fromMs - other.fromMs);
  const all = [...early.flatMap(([own]) => own ?? []), ...late];
  const lives = all.map(({ fromMs, untilMs }) => ({ fromMs, untilMs }));
  return { sites, nodes: all.map(({ node }) => node), lives };
}

/** Infinity: not before nobody leaves any more. */
function leaving(
  draw: Draw,
  of: { readonly fromMs: number; readonly stay: number; readonly until: number },
): number {
  const atMs = of.fromMs + drawGapMs(draw, of.stay);
  return atMs < of.until ? atMs : Infinity;
}

/** A life for each card that a board has while its owner stays, one after another. */
function cardsOf(
  draw: Draw,
  { cards = Infinity, replacedAfter = 0, until }: TurnoverOf,
  owner: Life,
): readonly Life[] {
  const lives: Life[] = [];
  let { fromMs } = owner;
  while (fromMs < owner.untilMs) {
    const diesAt = leaving(draw, { fromMs, stay: cards, until });
    lives.push({ fromMs, untilMs: Math.min(diesAt, owner.untilMs) });
    if (diesAt >= owner.untilMs) break;
    fromMs = diesAt + drawGapMs(draw, replacedAfter);
  }
  return lives;
}

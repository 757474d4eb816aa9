// Nodes that join while a run goes on, and those that are gone for good. Who joins is let in as an
// operator and an owner do it: a site, a token for it, and an enrolment.

import type { Command, EnrolNode, Fact } from '../../scheduler/core/index.ts';
import { instant, nodeId, tokenId } from '../../scheduler/core/index.ts';
import { Calls } from '../kernel/calls.ts';
import type { World } from '../world/draw-world.ts';
import type { Life } from '../world/turnover.ts';
import { CheckFailed } from './checks.ts';
import { inventoryOf, siteIdOf, startMs } from './enrol.ts';
import { nameOf, numberOf } from './messages.ts';

const tokenLastsMs = 7 * 24 * 3_600_000;

export interface ComingsOptions {
  readonly world: World;
  /** Asks for `due` with this number then. */
  readonly callAt: (atMs: number, call: number) => void;
  /** It enrols, with these commands. */
  readonly join: (commands: readonly Command[]) => void;
  readonly leave: (node: number, now: number) => void;
}

export class Comings {
  readonly #options: ComingsOptions;
  readonly #calls: Calls;
  readonly #lives: readonly Life[];
  readonly #sites = new Set<number>();

  constructor(options: ComingsOptions) {
    this.#options = options;
    this.#calls = new Calls(options.callAt);
    this.#lives = options.world.lives ?? [];
    for (const [node, { fromMs }] of this.#lives.entries()) {
      if (fromMs === 0) this.#sites.add(options.world.nodes[node]?.site ?? -1);
    }
    const first = this.#lives.findIndex(({ fromMs }) => fromMs > 0);
    if (first >= 0) this.#joinLater(first);
    for (const [node, { untilMs }] of this.#lives.entries()) {
      if (untilMs < Infinity) this.#calls.at(untilMs, (now) => options.leave(node, now));
    }
  }

  due(call: number, now: number): void {
    this.#calls.due(call, now);
  }

  /** It has left for good. */
  isGone(node: number, now: number): boolean {
    return now >= (this.#lives[node]?.untilMs ?? Infinity);
  }

  /** The node that a fact lets in; null: it is about something else. */
  joined(fact: Fact): number | null {
    if (fact.kind !== 'nodeEnrolled') return null;
    const number = numberOf(fact.nodeId);
    if (fact.nodeNumber === number) return number;
    throw new CheckFailed(`nodes: ${fact.nodeId} joined as number ${fact.nodeNumber}`);
  }

  /** One after another, so that the scheduler counts them as the world does. */
  #joinLater(node: number): void {
    const life = this.#lives[node];
    if (life === undefined) return;
    this.#calls.at(life.fromMs, (now) => {
      this.#options.join([...this.#enrolment(node, now)]);
      this.#joinLater(node + 1);
    });
  }

  *#enrolment(number: number, now: number): Generator<Command> {
    const node = this.#options.world.nodes[number];
    const site = this.#options.world.sites[node?.site ?? -1];
    if (node === undefined || site === undefined) throw new Error(`there is no node ${number}`);
    const { downBps, upBps, share } = site;
    const siteId = siteIdOf(node.site);
    if (!this.#sites.has(node.site)) yield { kind: 'setSite', siteId, downBps, upBps, share };
    this.#sites.add(node.site);
    const name = nameOf(number);
    yield {
      ...{ kind: 'createToken', tokenId: tokenId(name), hash: name, role: 'node', name: '' },
      ...{ siteId, expiresAt: instant(startMs + now + tokenLastsMs), uses: 1 },
    };
    yield enrolmentOf(name, inventoryOf(node));
  }
}

function enrolmentOf(name: string, inventory: EnrolNode['inventory']): EnrolNode {
  const own = { nodeId: nodeId(name), name, natsPublicKey: name, requestId: name };
  return { kind: 'enrolNode', tokenHash: name, ...own, inventory };
}

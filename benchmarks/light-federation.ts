// The near end of the process of light agents: starts it, tells it what to do, and stops it.

import { join } from 'node:path';
import type { BlobRef } from '../agent/core/index.ts';
import { Child } from './child.ts';
import { follow, tellPhase } from './progress.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

export interface LightOptions {
  readonly count: number;
  readonly folder: string;
  readonly url: string;
  /** One a site, used in turn. */
  readonly tokens: readonly string[];
}

export type LightQuestion =
  /** Begins; `connected` tells how far it is. */
  | { readonly kind: 'enrol'; readonly options: LightOptions }
  /** What tasks leave, and how long they take. */
  | { readonly kind: 'behave'; readonly result: BlobRef | null; readonly taskMs: number }
  | { readonly kind: 'report'; readonly perSecond: number }
  | { readonly kind: 'tell' };

/** All that was connected, started, acknowledged and reported since the process began. */
export interface Told {
  readonly connected: number;
  readonly started: number;
  readonly acknowledged: number;
  readonly reports: number;
}

const sites = 10;

export class LightFederation {
  readonly #child: Child<LightQuestion, Told>;

  private constructor(child: Child<LightQuestion, Told>) {
    this.#child = child;
  }

  /** Enrols so many agents at ten sites, and resolves when all of them are connected. */
  static async start(scheduler: SchedulerProcess, count: number): Promise<LightFederation> {
    const { connection, folder } = scheduler;
    const tokens: string[] = [];
    let url = '';
    for (let site = 0; site < sites; site += 1) {
      const siteId = `site-${site}`;
      const rates = { down: '1 Gbit/s', up: '1 Gbit/s', share: 1 };
      await connection.call(connection.sites.setSite.bind(connection.sites), { siteId, ...rates });
      const make = connection.tokens.createToken.bind(connection.tokens);
      const uses = Math.ceil(count / sites);
      const token = await connection.call(make, {
        ...{ role: 1 as const, name: '', siteId, expiresIn: '', uses },
      });
      tokens.push(token.secret);
      url = token.url;
    }
    tellPhase(`${count} agents enrol and connect`);
    const child = new Child<LightQuestion, Told>('light-agents');
    const options = { count, url, tokens, folder: join(folder, 'agents') };
    try {
      await child.ask({ kind: 'enrol', options });
      await follow({
        what: 'agents enrolled',
        look: async () => ({ count: (await child.ask({ kind: 'tell' })).connected }),
        isOver: (next) => next.count >= count,
      });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new LightFederation(child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async behave(result: BlobRef | null, taskMs: number): Promise<void> {
    await this.#child.ask({ kind: 'behave', result, taskMs });
  }

  async report(perSecond: number): Promise<void> {
    await this.#child.ask({ kind: 'report', perSecond });
  }

  tell(): Promise<Told> {
    return this.#child.ask({ kind: 'tell' });
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

// The near end of the processes of light agents: starts them, tells them what to do, and stops them.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobRef } from '../agent/core/index.ts';
import { Child } from './child.ts';
import { follow, tellPhase } from './progress.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

export interface LightOptions {
  /** Its agents are numbered from here on. */
  readonly first: number;
  readonly count: number;
  readonly folder: string;
  readonly url: string;
  readonly natsUrl: string;
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

/** All that was connected, started, acknowledged and reported since the processes began. */
export interface Told {
  readonly connected: number;
  readonly started: number;
  readonly acknowledged: number;
  readonly reports: number;
}

const sites = 10;

export interface FederationSize {
  readonly agents: number;
  readonly agentsPerProcess: number;
}

type Agents = Child<LightQuestion, Told>;

export class LightFederation {
  readonly #children: readonly Agents[];
  readonly #folder: string;

  private constructor(children: readonly Agents[], folder: string) {
    this.#children = children;
    this.#folder = folder;
  }

  /** Enrols so many agents at ten sites, and resolves when all of them are connected. */
  static async start(scheduler: SchedulerProcess, size: FederationSize): Promise<LightFederation> {
    const { agents: count, agentsPerProcess } = size;
    const { connection } = scheduler;
    const tokens: string[] = [];
    let url = '';
    for (let site = 0; site < sites; site += 1) {
      const siteId = `site-${site}`;
      const rates = { down: '1 Gbit/s', up: '1 Gbit/s', share: 1, isMeasured: false };
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
    const shared = { url, natsUrl: scheduler.natsUrl, tokens, folder: folderInMemory() };
    const light = new LightFederation(
      Array.from({ length: Math.ceil(count / agentsPerProcess) }, () => new Child('light-agents')),
      shared.folder,
    );
    try {
      await light.#ask((place) => {
        const first = place * agentsPerProcess;
        const own = { first, count: Math.min(agentsPerProcess, count - first) };
        return { kind: 'enrol', options: { ...shared, ...own } };
      });
      await follow({
        what: 'agents enrolled',
        look: async () => ({ count: (await light.tell()).connected }),
        isOver: (next) => next.count >= count,
      });
    } catch (error) {
      await light.stop();
      throw error;
    }
    return light;
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid);
  }

  async behave(result: BlobRef | null, taskMs: number): Promise<void> {
    await this.#ask(() => ({ kind: 'behave', result, taskMs }));
  }

  /** So many a second, of all together. */
  async report(perSecond: number): Promise<void> {
    await this.#ask(() => ({ kind: 'report', perSecond: perSecond / this.#children.length }));
  }

  async tell(): Promise<Told> {
    const told = await this.#ask(() => ({ kind: 'tell' }));
    const sum = (of: (one: Told) => number): number => told.reduce((all, one) => all + of(one), 0);
    return {
      connected: sum(({ connected }) => connected),
      started: sum(({ started }) => started),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      reports: sum(({ reports }) => reports),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #ask(question: (place: number) => LightQuestion): Promise<readonly Told[]> {
    return Promise.all(this.#children.map((child, place) => child.ask(question(place))));
  }
}

/** Each agent syncs three files as it enrols: of ten thousand on one disk that takes minutes. */
function folderInMemory(): string {
  const memory = '/dev/shm';
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'punnet-light-'));
  // Also of a run that is broken off.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

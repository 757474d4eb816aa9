// What this node does about releases: the federation tells it to have one, to make it active or to go back;
// what that is, the signed list says. Of each release one order at a time; the newest replaces those that wait, and ends
// one for another version that is under way.

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ReleaseOrder, ReleaseState } from '../../../proto/gen/punnet/v1/agent.ts';
import { ReleaseAction } from '../../../proto/gen/punnet/v1/agent.ts';
import type { ReleaseTarget } from '../../../proto/release-target.ts';
import {
  agentRelease,
  releaseNameForm,
  releaseVersionForm,
} from '../../../proto/release-target.ts';
import { isDiskFull } from '../state/disk-full.ts';
import type { ReleaseBlobs, ReleaseRoom } from './fetch-release.ts';
import { fetchRelease } from './fetch-release.ts';
import { ReleaseError } from './release-error.ts';
import { ReleaseFolder } from './release-folder.ts';
import type { ReleaseExchange } from './shared-release.ts';
import { offerShared } from './shared-release.ts';
import type { TrustedReleases } from './trusted-releases.ts';

const hookMs = 600_000;
/** Of the words that are told of what went wrong. */
const mostProblem = 200;
/** Releases of different names; what one reports at most. */
const mostReleases = 16;
/** What an agent may have, so that a board of 512 MB keeps enough for tasks. */
const mostMemoryBytes = 90e6;

export interface ReleasesOptions {
  /** `releases` in the state folder. */
  readonly folder: string;
  readonly trusted: Pick<TrustedReleases, 'refresh'>;
  readonly blobs: ReleaseBlobs;
  readonly exchange: () => ReleaseExchange;
  readonly room: ReleaseRoom;
  readonly architecture: string;
  /** The version of the release `agent` that runs here; empty: the package's. */
  readonly running: string;
  /** Whether start-agent.sh starts this agent again, in the active version. */
  readonly hasStarter: boolean;
  /** What this agent has, and the machine must give. */
  readonly memoryBytes: () => number;
  readonly mayTransfer: () => boolean;
  /** Another version of the agent is active: it takes over when this one has ended. */
  readonly onReplaced: () => void;
  /** An order was followed, or was not: the federation waits to hear that. */
  readonly onNews: () => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

/** An order that is being followed. */
interface UnderWay {
  readonly order: ReleaseOrder;
  readonly end: AbortController;
}

export class Releases {
  readonly #options: ReleasesOptions;
  #isStopped = false;
  readonly #work = new Map<string, Promise<void>>();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #waiting = new Map<string, ReleaseOrder>();
  /** Why the last order of a release was not followed; what may pass is tried with the next one. */
  readonly #problems = new Map<string, string>();
  #isAsked = false;
  #isProven = false;
  #told = '';

  constructor(options: ReleasesOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
    for (const { end } of this.#underWay.values()) end.abort();
  }

  /** After a start: what is here, others of the site may still want. */
  async offer(): Promise<void> {
    for (const { name } of this.states()) {
      const folder = this.#folder(name);
      for (const version of folder.tars) await this.#offer(folder, version);
    }
  }

  /** Resolves when all that was ordered is done. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work.values());
  }

  take(orders: readonly ReleaseOrder[]): void {
    if (this.#isStopped) return;
    const right = orders.filter(
      ({ name, version }) => releaseNameForm.test(name) && releaseVersionForm.test(version),
    );
    this.#isAsked ||= right.length > 0;
    for (const order of right) {
      const { name } = order;
      this.#waiting.set(name, order);
      const current = this.#underWay.get(name);
      if (current !== undefined && isAgainst(order, current.order)) current.end.abort();
      if (this.#work.has(name)) continue;
      this.#work.set(name, this.#drain(name));
    }
  }

  /** Whether the federation has asked since this was asked last. */
  takeAsked(): boolean {
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    return isAsked;
  }

  /** For the report. */
  states(): ReleaseState[] {
    const { folder } = this.#options;
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => releaseNameForm.test(name))
      .slice(0, mostReleases)
      .map((name) => this.#state(name));
  }

  /** This agent has shown that it works: it speaks with the federation, and a task in its sandbox did as it should. */
  prove(): void {
    if (this.#isProven) return;
    const folder = this.#agentFolder();
    if (folder === null || folder.active !== this.#options.running) return;
    if (folder.isUnproved) folder.confirm();
    if (this.#options.memoryBytes() > mostMemoryBytes) return;
    try {
      if (!folder.facts.isProven) folder.note({ isProven: true });
    } catch (error) {
      // The next look tries it again.
      if (isDiskFull(error)) return;
      throw error;
    }
    this.#isProven = true;
    this.#tellNews();
  }

  /** Whether the version of the agent that runs must still show that it works. */
  get isUnproved(): boolean {
    const folder = this.#agentFolder();
    return folder !== null && folder.active === this.#options.running && folder.isUnproved;
  }

  #agentFolder(): ReleaseFolder | null {
    const path = join(this.#options.folder, agentRelease);
    return this.#options.running !== '' && existsSync(path) ? new ReleaseFolder(path) : null;
  }

  #state(name: string): ReleaseState {
    const folder = this.#folder(name);
    const { active, previous, failed, facts, staged } = folder;
    const problem = this.#problems.get(name) ?? failed.problem;
    return {
      ...{ name, active, failed: failed.version, problem: problem.slice(0, mostProblem) },
      staged: staged.find((version) => version !== previous) ?? '',
      isProven: active !== '' && facts.isProven,
      ...{ fetchedBytes: facts.fetchedBytes, sizeBytes: facts.sizeBytes },
    };
  }

  #folder(name: string): ReleaseFolder {
    return new ReleaseFolder(join(this.#options.folder, name));
  }

  async #drain(name: string): Promise<void> {
    try {
      for (let order = this.#next(name); order !== null; order = this.#next(name)) {
        await this.#try(order);
        this.#tellNews();
      }
    } finally {
      // An order that comes from now on begins anew.
      this.#work.delete(name);
    }
  }

  #next(name: string): ReleaseOrder | null {
    const order = this.#waiting.get(name);
    this.#waiting.delete(name);
    return this.#isStopped ? null : (order ?? null);
  }

  async #try(order: ReleaseOrder): Promise<void> {
    const { name, version } = order;
    const end = new AbortController();
    this.#underWay.set(name, { order, end });
    try {
      await this.#follow(order, end.signal);
      this.#problems.delete(name);
    } catch (error) {
      if (end.signal.aborted) return;
      const problem = error instanceof ReleaseError ? error.message : String(error);
      this.#problems.set(name, problem);
      this.#options.log('release not taken', { name, version, problem });
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** A report is answered with the order again, until it is followed: only what has changed is worth one. */
  #tellNews(): void {
    const told = JSON.stringify(this.states());
    if (told !== this.#told) this.#options.onNews();
    this.#told = told;
  }

  async #follow(order: ReleaseOrder, signal: AbortSignal): Promise<void> {
    const { name, version, action } = order;
    const folder = this.#folder(name);
    if (action === ReleaseAction.ROLLBACK) {
      if (folder.active === version) await this.#goBack(folder, name, null);
      return;
    }
    if (folder.failed.version === version) return;
    if (folder.active === version) {
      // This agent had ended before the hook did.
      const isHalf = action === ReleaseAction.ACTIVATE && !folder.facts.isProven;
      if (!isHalf || name === agentRelease) return;
      const target = this.#choose(order, await this.#options.trusted.refresh());
      return await this.#changed(folder, target, signal);
    }
    // It is told that again after each restart of the scheduler.
    if (action === ReleaseAction.PREFETCH && folder.has(version)) {
      return await this.#offer(folder, version);
    }
    const target = await this.#fetch(order, folder, signal);
    await this.#offer(folder, version);
    if (action !== ReleaseAction.ACTIVATE) return;
    this.#options.log('release activated', { name, version });
    folder.activate(version);
    await this.#changed(folder, target, signal);
  }

  async #fetch(
    order: ReleaseOrder,
    folder: ReleaseFolder,
    signal: AbortSignal,
  ): Promise<ReleaseTarget> {
    const { name, version, action } = order;
    const target = this.#choose(order, await this.#options.trusted.refresh());
    const serial = folder.facts.serials[folder.active] ?? 0;
    if (target.serial < serial) {
      throw new ReleaseError(
        'rollback',
        `${name} ${version} (serial ${target.serial}) is older than ${folder.active} (serial ${serial}), which is active: it is not installed.`,
      );
    }
    if (name === agentRelease && action === ReleaseAction.ACTIVATE && !this.#options.hasStarter) {
      throw new ReleaseError(
        'unknown',
        'this agent was not started by start-agent.sh, which starts another version: use the package, or put it there by hand.',
      );
    }
    if (!folder.has(version) && !this.#options.mayTransfer()) {
      throw new ReleaseError('unreachable', "the owner's bytes of this month are used up.");
    }
    const { blobs, room } = this.#options;
    const exchange = this.#options.exchange();
    try {
      await fetchRelease({ folder, target, blobs, exchange, room, grants: order.blobs, signal });
    } finally {
      // Others may go on with it; a node that stops does so after its next start.
      if (signal.aborted && !this.#isStopped) exchange.giveUp(target.sha256);
    }
    return target;
  }

  #offer(folder: ReleaseFolder, version: string): Promise<void> {
    const { blobs } = this.#options;
    return offerShared({ folder, blobs, exchange: this.#options.exchange() }, version);
  }

  /** For this node's architecture, or for all. */
  #choose({ name, version }: ReleaseOrder, list: readonly ReleaseTarget[]): ReleaseTarget {
    const { architecture } = this.#options;
    const of = list.filter((each) => each.name === name && each.version === version);
    const found =
      of.find((each) => each.architecture === architecture) ??
      of.find((each) => each.architecture === 'all');
    if (found !== undefined) return found;
    const there = of.map((each) => each.architecture).join(', ') || 'none';
    throw new ReleaseError(
      'unknown',
      `${name} ${version}: wanted it for ${architecture} on the signed list, found ${there}.`,
    );
  }

  async #goBack(folder: ReleaseFolder, name: string, why: string | null): Promise<void> {
    const version = folder.active;
    folder.goBack(why);
    this.#options.log('release taken back', { name, version, to: folder.active, why });
    if (name === agentRelease) return this.#options.onReplaced();
    const hook = folder.facts.hooks[folder.active] ?? '';
    if (folder.active !== '') await runHook(folder, hook).catch(() => undefined);
  }

  /** It proves itself: an agent by what it does next, files by their hook. */
  async #changed(folder: ReleaseFolder, target: ReleaseTarget, signal: AbortSignal): Promise<void> {
    const { name, version, hook } = target;
    folder.note({ hooks: { ...folder.facts.hooks, [version]: hook } });
    if (name === agentRelease) return this.#options.onReplaced();
    try {
      await runHook(folder, hook, signal);
    } catch (error) {
      // After the next start it runs again.
      if (this.#isStopped) return;
      if (signal.aborted) return await this.#goBack(folder, name, null);
      await this.#goBack(folder, name, `its hook failed: ${lastLine(error)}`);
      return;
    }
    folder.confirm();
    folder.note({ isProven: true });
  }
}

/** Whether what is done for the one order is not wanted any more after the other. */
function isAgainst(order: ReleaseOrder, underWay: ReleaseOrder): boolean {
  return order.version !== underWay.version || order.action === ReleaseAction.ROLLBACK;
}

/** Of TUF's files, beside the releases; no release has such a name. */
export const metadataFolder = '.metadata';

/** As the agent's user, in the folder of the version: who signed the release may do that. The signal ends it at once. */
async function runHook(folder: ReleaseFolder, hook: string, signal?: AbortSignal): Promise<void> {
  if (hook === '') return;
  const cwd = folder.folderOf(folder.active);
  const env = { PATH: '/usr/bin:/bin', PUNNET_RELEASE: folder.active };
  signal?.throwIfAborted();
  const end = { timeout: hookMs, killSignal: 'SIGKILL' } as const;
  const running = promisify(execFile)(join(cwd, hook), ['activate'], { cwd, env, ...end });
  // Given to execFile, the signal would send SIGTERM, which a hook may not heed.
  const kill = (): void => void running.child.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  try {
    await running;
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

function lastLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  const text = said === '' && error instanceof Error ? error.message : said;
  return text.split('\n').at(-1) ?? '';
}

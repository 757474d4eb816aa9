// When a job will have ended, as things are now: its waiting tasks, behind what comes first, flow over
// the sites whose nodes fit (see `finish.ts`), and what is on nodes ends there. Of other researchers
// so much comes first as their weights give them in the same time; what they used before, hours of
// owners, failures and nodes that come or go are not looked at.

import { forecastAgeMs, pilotTasks } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import type { JobTemplate } from '../model/job.ts';
import { slotsOf } from '../leases.ts';
import { ratesLeft, workOf } from '../placement/estimate.ts';
import { isSuited } from '../placement/filter.ts';
import type { Capacity } from '../queue/share.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { Forecast } from '../view.ts';
import type { Claims } from './ahead.ts';
import { aheadOf, bitsOf } from './ahead.ts';
import type { Finish, SiteRate } from './finish.ts';
import { finishOf } from './finish.ts';
import { remainingOf } from './on-nodes.ts';
import type { OnNodes } from './on-nodes.ts';

/** All that it has on nodes has ended, and nobody said so yet. */
const nothingLeft: Finish = { seconds: 0, boundBy: 'cpu' };

interface Fit {
  readonly site: SiteRecord;
  readonly cpuGhz: number;
  readonly slotGhz: number;
}

/** Forecasts of one moment are kept for a second: a hundred watchers of one job cost as one. */
export class Forecasts {
  readonly #state: State;
  #madeAt = 0;
  #onNodes: OnNodes = { longest: new Map(), done: new Map() };
  readonly #fits = new Map<string, readonly Fit[]>();
  readonly #kept = new Map<number, Forecast>();

  constructor(state: State) {
    this.#state = state;
  }

  /** null: it has ended, waits for other jobs, or is a service. */
  of(job: JobRecord, now: Instant): Forecast | null {
    if (job.replicas !== null) return null;
    if (job.state !== 'active' || job.waitsFor.length > 0) return null;
    this.#refresh(now);
    const kept = this.#kept.get(job.number) ?? this.#make(job, now);
    this.#kept.set(job.number, kept);
    return kept;
  }

  /** Of a job that is not submitted. */
  ofDraft(job: JobRecord, now: Instant): Forecast {
    this.#refresh(now);
    return this.#make(job, now);
  }

  #refresh(now: Instant): void {
    if (now - this.#madeAt < forecastAgeMs) return;
    this.#madeAt = now;
    this.#fits.clear();
    this.#kept.clear();
    this.#onNodes = remainingOf(this.#state, now);
  }

  #make(job: JobRecord, now: Instant): Forecast {
    const basis = basisOf(job);
    const leased = this.#onNodes.longest.get(job.number) ?? nothingLeft;
    if (job.waiting === 0) return forecastOf(now, leased, basis);
    const sites = this.#ratesFor(job);
    const { downBits, upBits, sharedBits } = bitsOf(job);
    const workGhzSeconds = workOf(job);
    const demand = { tasks: job.waiting, workGhzSeconds, downBits, upBits, sharedBits };
    const waiting = finishOf(sites, demand);
    return forecastOf(now, waiting.seconds < leased.seconds ? leased : waiting, basis);
  }

  /** What the sites have for the job: the slots that fit, and their part of what comes before it. */
  #ratesFor(job: JobRecord): readonly SiteRate[] {
    const ahead = aheadOf(this.#state, job);
    const { capacity } = this.#state;
    return this.#fitsFor(job.template).map((fit) => {
      const done = this.#onNodes.done.get(fit.site.number) ?? 0;
      return rateOf(fit, { ahead, capacity, done });
    });
  }

  #fitsFor(template: JobTemplate): readonly Fit[] {
    const { bundles, memoryBytes, diskBytes, site } = template;
    const names = bundles.map((bundle) => bundle.architecture).join(' ');
    const key = `${names} ${memoryBytes} ${diskBytes} ${site?.number ?? 'anywhere'}`;
    const known = this.#fits.get(key);
    if (known !== undefined) return known;
    const fits = this.#state.sites.flatMap((site) => this.#fitOf(site, template) ?? []);
    this.#fits.set(key, fits);
    return fits;
  }

  #fitOf(site: SiteRecord, template: JobTemplate): Fit | undefined {
    let cpuGhz = 0;
    let slotGhz = 0;
    for (const number of site.nodeNumbers) {
      const node = mustHave(this.#state.nodes[number], 'node', number);
      if (!isFit(node, template)) continue;
      cpuGhz += Math.max(0, slotsOf(node) - node.serving) * node.inventory.speedGhz;
      slotGhz = Math.max(slotGhz, node.inventory.speedGhz);
    }
    return cpuGhz === 0 ? undefined : { site, cpuGhz, slotGhz };
  }
}

/** Nodes that rest, or whose owners let nothing start now, count: that passes. That one runs empty
 * does not, as long as nobody says so. */
function isFit(node: NodeRecord, template: JobTemplate): boolean {
  if (node.health !== 'healthy' || node.isDraining || slotsOf(node) === 0) return false;
  return isSuited({ template }, node);
}

/** One plain literal: with spreads a thousand sites take a hundred times as long. */
function rateOf(
  { site, cpuGhz, slotGhz }: Fit,
  before: { readonly ahead: Claims; readonly capacity: Capacity; readonly done: number },
): SiteRate {
  const { ahead, capacity, done } = before;
  const { downBps, upBps } = ratesLeft(site);
  const inHand = Math.max(0, site.pendingWorkGhzSeconds - done);
  const work = inHand + (ahead.workGhzSeconds * site.cpuGhz) / capacity.cpuGhz;
  const linkPart = (downBps + upBps) / capacity.linkBps;
  return {
    cpuGhz,
    slotGhz,
    downBps,
    upBps,
    workGhzSeconds: (cpuGhz / site.cpuGhz) * work,
    downBits: 8 * (site.pendingDownBytes + site.exchangeBytes) + ahead.downBits * linkPart,
    upBits: 8 * site.pendingUpBytes + ahead.upBits * linkPart,
  };
}

function basisOf(job: JobRecord): Forecast['basis'] {
  if (job.template.profile.workGhzSeconds !== null) return 'declared';
  return job.workCount >= pilotTasks ? 'measured' : 'guessed';
}

function forecastOf(
  now: Instant,
  { seconds, boundBy }: Finish,
  basis: Forecast['basis'],
): Forecast {
  const isNever = seconds === Number.POSITIVE_INFINITY;
  return { endsAt: isNever ? null : instant(Math.round(now + 1000 * seconds)), boundBy, basis };
}

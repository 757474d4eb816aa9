// The plan for whoever wants to see it: which part of which job goes to which sites.

import type { Instant, JobId, SiteId } from '../../model/ids.ts';
import { bitsOf } from '../../estimate/ahead.ts';
import { shownOfPlan } from '../../limits.ts';
import type { JobRecord, SiteRecord, State } from '../../state.ts';
import { mustHave } from '../../state.ts';
import { workOf } from '../estimate.ts';
import type { Refusal } from '../filter.ts';
import type { Policy } from '../policy.ts';
import type { Binding, Plan } from './plan.ts';
import { noGroup } from './plan.ts';

/** Sites with about the same ratio, which are planned as one. */
export interface PlannedSites {
  readonly count: number;
  /** The first few. */
  readonly siteIds: readonly SiteId[];
  /** Gbit/s per GHz of the shared part. */
  readonly downRatio: number;
  readonly upRatio: number;
  readonly binding: Binding;
}

/** Jobs with about the same profile, which are planned as one. */
export interface PlannedJobs {
  readonly count: number;
  /** The first few. */
  readonly jobIds: readonly JobId[];
  readonly names: readonly string[];
  /** Gbit/s per GHz: bits over the uplink for each unit of work. */
  readonly downIntensity: number;
  readonly upIntensity: number;
  /** Those that waited, and how many of them each of the plan's sites does. */
  readonly tasks: number;
  readonly shares: readonly number[];
}

export interface PlanSummary {
  readonly askedAt: Instant;
  readonly endsAt: Instant;
  readonly sites: readonly PlannedSites[];
  readonly jobs: readonly PlannedJobs[];
}

/** Jobs that the scheduler has forgotten are left out. */
export function showPlan(state: State, plan: Plan): PlanSummary {
  const sites = Array.from({ length: plan.groups }, (): SiteRecord[] => []);
  for (const [number, group] of plan.groupOf.entries()) {
    if (group === noGroup) continue;
    sites[group]?.push(mustHave(state.sites[number], 'site', number));
  }
  const jobs = Array.from({ length: plan.classes }, (): JobRecord[] => []);
  for (const [number, kind] of plan.classOf) {
    const job = state.jobs.get(number);
    if (job !== undefined) jobs[kind]?.push(job);
  }
  return {
    askedAt: plan.askedAt,
    endsAt: plan.endsAt,
    sites: sites.map((group, index) => sitesOf(group, plan.bindings[index] ?? 'cpu')),
    jobs: jobs.flatMap(([first, ...more], kind) =>
      first === undefined ? [] : [jobsOf([first, ...more], plan, kind)],
    ),
  };
}

export function whyNoPlan({ name, needsPlan }: Policy): Refusal {
  return needsPlan === true ? noneNow : { ...neverOne, reason: `the policy ${name} makes no plan` };
}

const noneNow: Refusal = {
  code: 'plan_none',
  reason: 'nothing has waited since the start, or the plan is being solved',
  remedy: 'ask again a few seconds after a job was submitted',
};

const neverOne = {
  code: 'plan_never',
  remedy: 'start the scheduler with --policy ratio, or without one',
};

function sitesOf(sites: readonly SiteRecord[], binding: Binding): PlannedSites {
  const sum = (of: (site: SiteRecord) => number): number =>
    sites.reduce((all, site) => all + of(site), 0);
  const bpsPerGhz = (rate: number): number => rate / 1e9 / sum(({ cpuGhz }) => cpuGhz);
  return {
    count: sites.length,
    siteIds: sites.slice(0, shownOfPlan).map(({ siteId }) => siteId),
    downRatio: bpsPerGhz(sum(({ downBps, share }) => downBps * share)),
    upRatio: bpsPerGhz(sum(({ upBps, share }) => upBps * share)),
    binding,
  };
}

function jobsOf(
  jobs: readonly [JobRecord, ...JobRecord[]],
  { groups, program, shares }: Plan,
  kind: number,
): PlannedJobs {
  const [first] = jobs;
  const { downBits, upBits } = bitsOf(first);
  const work = Math.max(workOf(first), 1e-9);
  const shown = jobs.slice(0, shownOfPlan);
  return {
    count: jobs.length,
    jobIds: shown.map(({ jobId }) => jobId),
    names: shown.map(({ template }) => template.name),
    downIntensity: downBits / 1e9 / work,
    upIntensity: upBits / 1e9 / work,
    // The program's first rows say how many tasks of each class there are.
    tasks: program.lower[kind] ?? 0,
    shares: shares.slice(kind * groups, (kind + 1) * groups),
  };
}

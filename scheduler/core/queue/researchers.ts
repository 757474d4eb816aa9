// The bookkeeping of researchers that `apply` shares between its parts: what they have waiting, what
// is leased for them, what they have used. Called by apply only.

import { sharedBytes } from '../placement/estimate.ts';
import { isPlanned } from '../placement/pilots.ts';
import { candidateJobs } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { instant } from '../model/ids.ts';
import { defaultSettings } from '../model/researcher.ts';
import { noRates } from '../model/service.ts';
import { addRates } from '../services.ts';
import type { JobRecord, LeaseRecord, ResearcherRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import { usageAt } from './share.ts';

/** Who submitted the job; made with the first job or setting. */
export function researcherOf(state: State, name: string): ResearcherRecord {
  const known = state.researchers.get(name);
  if (known !== undefined) return known;
  const fresh: ResearcherRecord = {
    name,
    settings: defaultSettings,
    usage: { ...noClaim, at: instant(0), rates: noRates },
    leased: noClaim,
    leases: 0,
    waitingTasks: 0,
    waitingJobs: [],
  };
  state.researchers.set(name, fresh);
  return fresh;
}

/** Puts a job among those of its researcher that wait: higher priority first, then older. */
function startWaiting(state: State, job: JobRecord): void {
  const { waitingJobs } = researcherOf(state, job.researcher);
  let place = waitingJobs.length;
  while (place > 0 && isBefore(job, jobOf(state, waitingJobs[place - 1]))) place -= 1;
  waitingJobs.splice(place, 0, job.number);
}

/** Its waiting tasks may be placed, unless it waits for other jobs. */
export function joinQueue(state: State, job: JobRecord): void {
  const isHeld = job.waitsFor.length > 0;
  if (job.waiting === 0 || isHeld || state.waitingJobs.has(job.number)) return;
  state.waitingJobs.add(job.number);
  startWaiting(state, job);
  state.jobsToPlace.add(job.number);
  if (isPlanned(job)) state.isPlanNews = true;
}

export function stopWaiting(state: State, job: JobRecord): void {
  const { waitingJobs } = researcherOf(state, job.researcher);
  const place = waitingJobs.indexOf(job.number);
  if (place < 0) return;
  waitingJobs.splice(place, 1);
  // The next one is among those that slots choose from now.
  const candidate = waitingJobs[candidateJobs - 1];
  if (place < candidateJobs && candidate !== undefined) state.jobsToPlace.add(candidate);
}

/** Counts a lease that enters force, or leaves it. */
export function countLease(state: State, lease: LeaseRecord, sign: 1 | -1): void {
  const job = jobOf(state, lease.jobNumber);
  const researcher = researcherOf(state, job.researcher);
  researcher.leases += sign;
  researcher.leased =
    researcher.leases === 0
      ? noClaim
      : {
          workGhzSeconds: researcher.leased.workGhzSeconds + sign * lease.claimedGhzSeconds,
          bits: researcher.leased.bits + sign * lease.claimedBits,
        };
  if (sign < 0 && researcher.settings.maxLeases !== null) lookAgain(state, researcher);
  if (job.template.service === null) return;
  // Until now it was used at the rate of before.
  const usage = usageAt(researcher.usage, state.latest, noClaim);
  researcher.usage = { ...usage, rates: addRates(usage.rates, lease.rates, sign) };
}

/** A place in the quota is free: it is no matter which node it was used on. */
function lookAgain(state: State, { waitingJobs }: ResearcherRecord): void {
  for (const number of waitingJobs.slice(0, candidateJobs)) state.jobsToPlace.add(number);
}

const noClaim = { workGhzSeconds: 0, bits: 0 };

/** An attempt has ended: what it really computed counts, and the bytes it was expected to move. One of
 * a service has counted with its rates. */
export function countUse(
  state: State,
  lease: LeaseRecord,
  { at, workGhzSeconds }: { readonly at: Instant; readonly workGhzSeconds: number },
): void {
  const job = jobOf(state, lease.jobNumber);
  if (job.template.service !== null) return;
  const researcher = researcherOf(state, job.researcher);
  const more = { workGhzSeconds, bits: lease.claimedBits };
  researcher.usage = usageAt(researcher.usage, at, more);
}

/** The first grant of the job at a site brings what its tasks share over the line. It counts at once, and not with a lease: what a lease
 * claims is made anew with a restart. */
export function chargeShared(
  state: State,
  job: JobRecord,
  { at, siteNumber }: { readonly at: Instant; readonly siteNumber: number },
): void {
  if (!isChargedPerSite(job) || job.chargedSites.has(siteNumber)) return;
  job.chargedSites.add(siteNumber);
  const researcher = researcherOf(state, job.researcher);
  const more = { workGhzSeconds: 0, bits: 8 * sharedBytes(job) };
  researcher.usage = usageAt(researcher.usage, at, more);
}

/** Tasks of the job share bytes, and are no replicas of a service, which is charged by its rates. */
export function isChargedPerSite(job: JobRecord): boolean {
  return job.template.service === null && sharedBytes(job) > 0;
}

function jobOf(state: State, number: number | undefined): JobRecord {
  return mustHave(state.jobs.get(number ?? -1), 'job', number);
}

function isBefore(one: JobRecord, other: JobRecord): boolean {
  const [mine, theirs] = [one.template.priority, other.template.priority];
  return mine === theirs ? one.number < other.number : mine > theirs;
}

// Whether a node can run a task of a job at all. Each "no" is data: a code, a reason a researcher
// can act on, and what would turn it into a yes.

import { bestBundle } from '../model/architecture.ts';
import type { Instant } from '../model/ids.ts';
import type { JobTemplate } from '../model/job.ts';
import { nodeHealths } from '../model/node.ts';
import { monthPartKept, partKept } from '../limits.ts';
import type { Rates } from '../model/service.ts';
import type { JobRecord, NodeRecord, SiteRecord } from '../state.ts';
import { ratesOf } from '../services.ts';
import { refuseHours } from './hours-left.ts';
import { diskOf, hasInternet } from './open/kind.ts';

export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
}

/** null: it fits, as far as the node is concerned; free slots are not looked at here. */
export function refuseNode(job: JobRecord, node: NodeRecord, now: Instant): Refusal | null {
  return (
    refuseHealth(node) ??
    refuseDraining(node) ??
    refuseFit(job, node) ??
    refuseNow(node, now) ??
    refuseResearcher(job, node) ??
    refuseMonth(job, node) ??
    refuseHours(job, node, { now })
  );
}

/** `refuseNode` for a node that is suited: most that are asked are, and that was looked at before. */
export function refuseSuited(job: JobRecord, node: NodeRecord, now: Instant): Refusal | null {
  return (
    refuseHealth(node) ??
    refuseDraining(node) ??
    refuseNow(node, now) ??
    refuseResearcher(job, node) ??
    refuseMonth(job, node) ??
    refuseHours(job, node, { now })
  );
}

/** Whether it takes anything now, from whomever. */
export function takesNow(node: NodeRecord, now: Instant): boolean {
  return (refuseHealth(node) ?? refuseDraining(node) ?? refuseNow(node, now)) === null;
}

function refuseHealth(node: NodeRecord): Refusal | null {
  if (node.health === 'healthy') return node.lastHeardAt === 0 ? unheard : null;
  return {
    code: `node_${node.health}`,
    reason: healthReasons[node.health] ?? node.health,
    remedy: healthRemedies[node.health] ?? 'wait, or look at the nodes (punnet nodes)',
  };
}

const unheard: Refusal = {
  code: 'node_unheard',
  reason: 'the node has not reported since the scheduler started',
  remedy: 'wait a moment: it was asked for a report',
};

function refuseDraining(node: NodeRecord): Refusal | null {
  return node.isDraining ? draining : null;
}

const draining: Refusal = {
  code: 'draining',
  reason: 'an operator lets the node run empty',
  remedy: 'wait, or ask an operator to end that (punnet node undrain)',
};

const healthReasons: Readonly<Record<string, string>> = {
  new: 'the node has enrolled and never reported',
  suspect: 'the node is silent or disconnected',
  lost: 'the node has been silent too long',
  quarantined: 'two agents speak with the identity of the node',
  revoked: 'the node was revoked',
};

/** Where waiting does not help. */
const healthRemedies: Readonly<Record<string, string>> = {
  quarantined: 'ask an operator to revoke it (punnet node revoke), then enrol each of the two anew',
  revoked: 'enrol a node (punnet token create --node)',
};

/** Whether the node has what no waiting changes: `refuseFit` without its words, which most who look for
 * a place do not read. */
export function isSuited({ template }: Pick<JobRecord, 'template'>, node: NodeRecord): boolean {
  const { architecture, memoryBytes, speedGhz } = node.inventory;
  if (!isAtSite(template, node) || isOffline(template, node)) return false;
  if (template.memoryBytes > memoryBytes || template.diskBytes > diskOf(node)) return false;
  const cpuGhz = template.service?.rates.cpuGhz ?? 0;
  return cpuGhz <= speedGhz && bestBundle(architecture, template.bundles) !== undefined;
}

/** Whether it is where the job's tasks run. */
export function isAtSite({ site }: JobTemplate, { siteNumber }: NodeRecord): boolean {
  return site === undefined || site.number === siteNumber;
}

/** Whether the job's tasks want the internet, and may not reach it from there. */
function isOffline({ network }: JobTemplate, node: NodeRecord): boolean {
  return network === 'internet' && !hasInternet(node);
}

/** `isSuited`, and its owner wants work of the job's researcher: what the plan counts on. */
export function isWelcome(job: JobRecord, node: NodeRecord): boolean {
  return isSuited(job, node) && refuseResearcher(job, node) === null;
}

/** What no waiting changes: site, architecture, memory, disk. */
export function refuseFit(job: Pick<JobRecord, 'template'>, node: NodeRecord): Refusal | null {
  if (isSuited(job, node)) return null;
  const { template } = job;
  const { inventory } = node;
  if (template.site !== undefined && !isAtSite(template, node)) {
    return {
      code: 'site',
      reason: `the job's tasks run at site ${template.site.siteId} only, and the node is at another one`,
      remedy: `wait for nodes of ${template.site.siteId}, or submit it without a site`,
    };
  }
  if (isOffline(template, node)) return noInternet;
  if (bestBundle(inventory.architecture, template.bundles) === undefined) {
    const wanted = template.bundles.map((bundle) => bundle.architecture).join(', ');
    return {
      code: 'architecture',
      reason: `the node is ${inventory.architecture}, the bundles are for ${wanted}`,
      remedy: `add a bundle for ${inventory.architecture}`,
    };
  }
  if (template.memoryBytes > inventory.memoryBytes) {
    return {
      code: 'memory',
      reason: `a task asks for ${sizeText(template.memoryBytes)} of memory, the node has less`,
      remedy: 'ask for less memory, or wait for larger nodes',
    };
  }
  const cpuGhz = template.service?.rates.cpuGhz ?? 0;
  if (cpuGhz > inventory.speedGhz) {
    return {
      code: 'speed',
      reason: `a replica needs ${cpuGhz} GHz all the time, a core of the node has less`,
      remedy: 'declare a lower rates.cpu, or wait for faster nodes',
    };
  }
  return {
    code: 'disk',
    reason: `a task asks for ${sizeText(template.diskBytes)} of disk, the node has less free`,
    remedy: 'ask for less disk, or wait until space is free',
  };
}

const noInternet: Refusal = {
  code: 'internet',
  reason: 'the owner allows no tasks with internet, or the machine can hold none to it',
  remedy:
    'wait for nodes whose owners do: what they say is law (punnet-agent limits --internet on; punnet-agent status tells what is missing)',
};

/** What services use at a site is bounded by the shared part of its uplink. */
export function refuseRates(
  { template }: JobRecord,
  node: NodeRecord,
  { site, used }: { readonly site: SiteRecord; readonly used: Rates },
): Refusal | null {
  const rates = ratesOf(template, node);
  const most = site.share * (1 - partKept);
  const isDownFull = rates.downBps > 0 && used.downBps + rates.downBps > most * site.downBps;
  const isUpFull = rates.upBps > 0 && used.upBps + rates.upBps > most * site.upBps;
  if (isDownFull) return noRateDown;
  return isUpFull ? noRateUp : null;
}

const noRateDown = rateRefusal('down');
const noRateUp = rateRefusal('up');

function rateRefusal(way: 'down' | 'up'): Refusal {
  return {
    code: `rate_${way}`,
    reason: `services use the shared part of the site's uplink ${way}, and a replica more would be too much`,
    remedy: 'declare a lower rate, or wait for sites with more uplink (punnet sites)',
  };
}

function refuseNow(node: NodeRecord, now: Instant): Refusal | null {
  if (node.status !== null && !node.status.isAccepting) {
    const why = node.status.notAccepting;
    const code = why?.code ?? 'not_accepting';
    return {
      code,
      reason: why?.reason ?? 'its owner lets no task start now',
      remedy: ownersRemedies[code] ?? 'wait: what its owner says is law',
    };
  }
  if (node.restsUntil > now) {
    return {
      code: 'resting',
      reason: 'its last tasks failed or were given back, so it rests',
      remedy: 'wait; if tasks fail everywhere, look at their logs (punnet logs)',
    };
  }
  return null;
}

function refuseResearcher({ researcher }: JobRecord, { status }: NodeRecord): Refusal | null {
  if (status === null || status.refuses.length === 0) return null;
  if (!status.refuses.includes(researcher)) return null;
  return {
    code: 'researcher',
    reason: `its owner wants no work of ${researcher}`,
    remedy: 'wait for other nodes: what its owner says is law',
  };
}

/** A task whose way would close before it has moved what it declares. */
function refuseMonth({ template }: JobRecord, { status }: NodeRecord): Refusal | null {
  const { internetBytes = 0 } = template;
  const month = status?.month ?? null;
  if (internetBytes === 0 || month === null) return null;
  const leftBytes = (1 - monthPartKept) * month.allotmentBytes - month.usedBytes;
  if (internetBytes <= leftBytes) return null;
  return {
    code: 'month',
    reason: `a task moves ${sizeText(internetBytes)} over the internet, and its owner's month has less left`,
    remedy: `declare less, or ${ownersRemedies['month']}`,
  };
}

const otherCodes: ReadonlySet<string> = new Set([
  ...['speed', 'rate_down', 'rate_up'],
  ...nodeHealths.map((health) => `node_${health}`),
  ...[
    'node_unheard',
    'draining',
    'site',
    'internet',
    'architecture',
    'memory',
    'disk',
    'not_accepting',
    'resting',
    'hours_left',
    'researcher',
  ],
]);

/** The code, or "other" for one that an agent made up: whoever counts by code needs few of them. */
export function knownCode(code: string): string {
  return otherCodes.has(code) || code in ownersRemedies ? code : 'other';
}

const ownersRemedies: Readonly<Record<string, string>> = {
  paused: 'wait until its owner lets it go on (punnet-agent resume)',
  hours: "wait for its owner's hours",
  temperature: 'wait until it has cooled down',
  power: 'wait until its owner has given it a better power supply',
  month: 'wait until the next month, or until its owner allows more bytes',
  disk_reserve: 'wait until its owner has freed some disk',
  sandbox: 'wait until its owner has mended it (punnet node ID says what is wrong)',
  limits: 'wait until its owner has mended its limits.json',
};

/** "512 MB", "1.5 GB". */
export function sizeText(bytes: number): string {
  return bytes < 1e9 ? `${Math.floor(bytes / 1e6)} MB` : `${Math.floor(bytes / 1e8) / 10} GB`;
}

// What would become of a job that is not submitted yet: which nodes fit and why the others don't, when
// it would have ended, and what keeps it from being earlier.

import { newJob } from '../apply-jobs.ts';
import type { WantedJob } from '../commands.ts';
import { sitesExplained } from '../limits.ts';
import type { Instant } from '../model/ids.ts';
import { jobId } from '../model/ids.ts';
import { siteOf } from '../leases.ts';
import { groupRefusals } from '../placement/explain.ts';
import { refuseNode, refuseRates } from '../placement/filter.ts';
import type { Refusal } from '../placement/filter.ts';
import type { JobRecord, NodeRecord, SiteRecord, State } from '../state.ts';
import { mustHave } from '../state.ts';
import type { DryRun } from '../view.ts';
import type { Forecasts } from './forecast.ts';
import { isLate } from './late.ts';

export function dryRun(
  state: State,
  wanted: WantedJob,
  { now, forecasts }: { readonly now: Instant; readonly forecasts: Forecasts },
): DryRun {
  const job = draftOf(state, wanted, now);
  const refused: { readonly node: NodeRecord; readonly refusal: Refusal }[] = [];
  const fitting = new Set<number>();
  for (const node of state.nodes) {
    if (node.health === 'revoked') continue;
    const site = siteOf(state, node);
    const rates = { site, used: site.serving };
    const refusal = refuseNode(job, node, now) ?? refuseRates(job, node, rates);
    if (refusal === null) fitting.add(node.number);
    else refused.push({ node, refusal });
  }
  const sites = state.sites
    .filter((site) => site.nodeNumbers.length > 0)
    .map((site) => fitOf(state, site, fitting))
    .sort((a, b) => b.fitting - a.fitting || b.nodes - a.nodes);
  const hasEnd = job.waitsFor.length === 0 && job.replicas === null;
  const forecast = !hasEnd ? null : forecasts.ofDraft(job, now);
  return {
    fittingNodes: fitting.size,
    fittingSites: sites.filter((site) => site.fitting > 0).length,
    refusals: groupRefusals(refused, { job, now }),
    sites: sites.slice(0, sitesExplained),
    waitsFor: job.waitsFor.map((number) => mustHave(state.jobs.get(number), 'job', number).jobId),
    forecast,
    isLate: isLate(job, forecast, now),
  };
}

/** As it would be after its submit; columns of one task do for a look. */
function draftOf(state: State, { researcher, template }: WantedJob, at: Instant): JobRecord {
  const jobNumber = state.nextJobNumber;
  const ids = { jobNumber, jobId: jobId(''), researcher, requestId: '' };
  const job = newJob(state, { ...ids, at, template: { ...template, taskCount: 1 } });
  return { ...job, template, waiting: template.taskCount };
}

function fitOf(
  state: State,
  site: SiteRecord,
  fitting: ReadonlySet<number>,
): DryRun['sites'][number] {
  const here = site.nodeNumbers.filter(
    (number) => mustHave(state.nodes[number], 'node', number).health !== 'revoked',
  );
  return {
    siteId: site.siteId,
    nodes: here.length,
    fitting: here.filter((number) => fitting.has(number)).length,
  };
}

// Sites, nodes and jobs of the past as those of a simulated world.

import type { State } from '../../scheduler/core/index.ts';
import type { WorldJob } from '../world/draw-jobs.ts';
import type { World, WorldNode, WorldSite } from '../world/draw-world.ts';
import type { PastJob } from './past-jobs.ts';

/** Sites without a node that is left are none of it. */
export function worldOf(state: State, jobs: readonly PastJob[]): World {
  const places = new Map<number, number>();
  const sites: WorldSite[] = [];
  const nodes: WorldNode[] = [];
  for (const { number, downBps, upBps, share, nodeNumbers } of state.sites) {
    const here = nodeNumbers
      .flatMap((each) => state.nodes[each] ?? [])
      .filter(({ health }) => health !== 'revoked');
    if (here.length === 0) continue;
    places.set(number, sites.length);
    sites.push({ downBps, peakBps: downBps, upBps, share, nodes: here.length });
    for (const { inventory, siteNumber } of here) {
      const { model: name, ...model } = inventory;
      nodes.push({
        site: places.get(siteNumber) ?? 0,
        model: { name, ...model, floatingPart: 1 },
        speedGhz: inventory.speedGhz,
      });
    }
  }
  const steady = {
    churn: null,
    evenings: null,
    owners: null,
    lives: null,
    throttling: null,
    faults: null,
  };
  return { sites, nodes, jobs: jobsOf(jobs), services: [], ...steady, seed: 1 };
}

function jobsOf(jobs: readonly PastJob[]): readonly WorldJob[] {
  const places = new Map(jobs.map(({ jobId }, place) => [jobId, place]));
  const startedAt = jobs[0]?.submittedAt ?? 0;
  return jobs.map(({ researcher, template, submittedAt, tasks, workGhzSeconds }) => {
    const { name, taskInputBytes, bundles, sharedInputs, memoryBytes, profile } = template;
    const inputs = taskInputBytes.reduce((sum, each) => sum + each, 0);
    const bundle = bundles.reduce((most, { sizeBytes }) => Math.max(most, sizeBytes), 0);
    return {
      ...{ name, kind: name, researcher, tasks, workGhzSeconds, memoryBytes },
      submitMs: submittedAt - startedAt,
      isFloatingPoint: false,
      isDeclared: profile.workGhzSeconds !== null,
      inputBytes: Math.round(inputs / Math.max(1, taskInputBytes.length)),
      outputBytes: Math.round(profile.outputBytes ?? 0),
      bundleBytes: sharedInputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, bundle),
      home: null,
      architectures: bundles.map(({ architecture }) => architecture),
      after: lastOf(template.after, places),
    };
  });
}

/** Of the jobs that it waited for, the one that came last. */
function lastOf(
  after: PastJob['template']['after'],
  places: ReadonlyMap<string, number>,
): WorldJob['after'] {
  const known = after.flatMap((jobId) => places.get(jobId) ?? []);
  return known.length === 0 ? null : { job: Math.max(...known), thinkMs: 0 };
}

// What the slots and the uplink of one site did over time, attempt by attempt.

import { freeTransferBytes } from '../../../agent/core/index.ts';
import type { RunResult } from '../../run/run.ts';
import type { World } from '../../world/draw-world.ts';
import type { AttemptRun } from '../attempt-runs.ts';
import { attemptRuns } from '../attempt-runs.ts';
import type { JobGroups } from './job-groups.ts';

/** Attempts of a figure: a site with more of them cannot be read. */
const mostAttempts = 600;
/** In the place of a kind of job. */
export const servicesName = 'services';

export interface Gantt {
  readonly site: number;
  /** All of its attempts; more than are shown if there is no site with fewer. */
  readonly attempts: number;
  readonly rows: readonly string[];
  readonly bars: readonly Bar[];
}

export interface Bar {
  /** A place in `rows`. */
  readonly row: number;
  readonly kind: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** Of the site with the most attempts that can be read; if there is none, of that with the fewest. */
export function ganttOf(world: World, result: RunResult, kinds: JobGroups): Gantt {
  const counts = new Float64Array(world.sites.length);
  for (const { site } of attemptRuns(world, result)) counts[site] = (counts[site] ?? 0) + 1;
  const readable = (count: number): number => (count <= mostAttempts ? count : -count);
  let best = 0;
  for (const [site, count] of counts.entries()) {
    if (readable(count) > readable(counts[best] ?? 0)) best = site;
  }
  const all = [...attemptRuns(world, result)].filter(({ site }) => site === best);
  const runs = all.sort((a, b) => a.startMs - b.startMs).slice(0, mostAttempts);
  const rows: string[] = [];
  const bars: Bar[] = [];
  const nameOf = (job: number): string => kinds.names[kinds.groupOf[job] ?? -1] ?? servicesName;
  for (const [name, spans] of lanesOf(world, result, { site: best, runs })) {
    for (const [lane, of] of spread(spans).entries()) {
      rows.push(`${name} ${lane + 1}`);
      for (const { job, fromMs, toMs } of of) {
        const span = { fromSeconds: fromMs / 1000, toSeconds: toMs / 1000 };
        bars.push({ row: rows.length - 1, kind: nameOf(job), ...span });
      }
    }
  }
  return { site: best, attempts: all.length, rows, bars };
}

interface Span {
  readonly job: number;
  readonly fromMs: number;
  readonly toMs: number;
}

interface OfSite {
  readonly site: number;
  readonly runs: readonly AttemptRun[];
}

/** The uplink's two directions, without what is too small to wait for its turn; and each node. */
function lanesOf(
  world: World,
  { attempts }: RunResult,
  { site, runs }: OfSite,
): ReadonlyMap<string, Span[]> {
  const lanes = new Map<string, Span[]>([
    ['uplink down', []],
    ['uplink up', []],
  ]);
  for (const [node, board] of world.nodes.entries()) {
    if (board.site === site) lanes.set(laneOf(world, node), []);
  }
  for (const brought of attempts.brought) {
    if (brought.site === site) lanes.get('uplink down')?.push(brought);
  }
  for (const { lease, job, node, startMs, endMs } of runs) {
    const at = (column: Float64Array): number => column[lease] ?? 0;
    lanes.get(laneOf(world, node))?.push({ job, fromMs: startMs, toMs: endMs });
    if (at(attempts.downBytes) > freeTransferBytes) {
      const span = { fromMs: at(attempts.fetchingAt), toMs: at(attempts.fetchedAt) };
      lanes.get('uplink down')?.push({ job, ...span });
    }
    if (at(attempts.upBytes) > freeTransferBytes) {
      const span = { fromMs: at(attempts.sendingAt), toMs: at(attempts.doneAt) };
      lanes.get('uplink up')?.push({ job, ...span });
    }
  }
  return lanes;
}

function laneOf({ nodes }: World, node: number): string {
  return `node ${node} (${nodes[node]?.speedGhz.toFixed(2)} GHz) slot`;
}

/** Over as few lanes as there are at once. */
function spread(spans: Span[]): readonly (readonly Span[])[] {
  const lanes: Span[][] = [];
  for (const span of spans.sort((a, b) => a.fromMs - b.fromMs)) {
    const free = lanes.find((lane) => (lane.at(-1)?.toMs ?? 0) <= span.fromMs);
    if (free === undefined) lanes.push([span]);
    else free.push(span);
  }
  return lanes;
}

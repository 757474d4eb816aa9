// How many times each site's line carried what its tasks needed: programs and shared files counted once for a
// site, inputs of their own once for a task. Counted at the line, all layers; what crossed it to no avail is in it.

import type { Federation } from './federation.ts';
import type { DemoJob } from './jobs.ts';
import type { Placements } from './placements.ts';

export type Carried = ReadonlyMap<string, number>;

/** Bytes into each site so far; empty where sites have no lines of their own. */
export function carriedNow(federation: Federation, sites: readonly string[]): Carried {
  const all = sites.map((site) => [site, federation.carriedInto(site)] as const);
  return new Map(all.flatMap(([site, bytes]) => (bytes === undefined ? [] : [[site, bytes]])));
}

/** A sentence for each site that has run tasks since. */
export async function lineTexts(
  federation: Federation,
  before: Carried,
  { jobs, placements }: { readonly jobs: readonly DemoJob[]; readonly placements: Placements },
): Promise<readonly string[]> {
  const { round, counts } = placements;
  const shared = await Promise.all(round.jobs.map(({ jobId }) => sharedBytes(federation, jobId)));
  const now = carriedNow(federation, [...before.keys()]);
  return [...now].flatMap(([site, bytes]) => {
    const tasks = counts.get(site) ?? [];
    const needed = jobs.reduce((sum, { ownInputBytes }, at) => {
      const count = tasks[at] ?? 0;
      return count === 0 ? sum : sum + (shared[at] ?? 0) + count * ownInputBytes;
    }, 0);
    if (needed === 0) return [];
    const carried = bytes - (before.get(site) ?? 0);
    const times = (carried / needed).toFixed(2);
    return [`  ${site}: ${megabytes(carried)} for ${megabytes(needed)}, ${times} times.`];
  });
}

/** A job's program and the files that all of its tasks have. */
async function sharedBytes(federation: Federation, jobId: string): Promise<number> {
  const shown = await federation.punnet('job', jobId, '--output', 'json');
  const { spec } = JSON.parse(shown) as {
    readonly spec: {
      readonly bundles: Readonly<Record<string, Source>>;
      readonly sharedInputs: readonly Source[];
    };
  };
  const sources = [...Object.values(spec.bundles), ...spec.sharedInputs];
  return sources.reduce((sum, { blob }) => sum + Number(blob?.sizeBytes ?? 0), 0);
}

interface Source {
  /** int64 is text in JSON. */
  readonly blob?: { readonly sizeBytes: string };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

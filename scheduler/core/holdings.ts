// What a state holds and rests on, so that a copy of it can be checked.

import { readResult } from './columns.ts';
import type { Sha256 } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import type { Revisions } from './model/service.ts';
import type { State } from './state.ts';

export interface Holdings {
  readonly jobs: number;
  readonly tasks: number;
  readonly nodes: number;
  readonly sites: number;
  readonly tokens: number;
  /** Blobs that jobs name themselves. */
  readonly files: ReadonlySet<Sha256>;
  /** Blobs that list other blobs: tasks' own inputs, and outputs. */
  readonly manifests: ReadonlySet<Sha256>;
  readonly results: ReadonlySet<Sha256>;
}

export function holdingsOf(state: State): Holdings {
  const files = new Set<Sha256>();
  const manifests = new Set<Sha256>();
  const results = new Set<Sha256>();
  for (const { template, revisions, tasks } of state.jobs.values()) {
    for (const { bundles, sharedInputs } of [template, ...olderOf(revisions)])
      for (const { sha256 } of [...bundles, ...sharedInputs]) files.add(sha256);
    if (template.manifest !== null) manifests.add(template.manifest.sha256);
    for (let index = 0; index < template.taskCount; index += 1) {
      const result = readResult(tasks, index);
      if (result !== null) results.add(result);
    }
  }
  const { jobs, nodes, sites, tokens, taskCount } = state;
  const counts = { jobs: jobs.size, tasks: taskCount, nodes: nodes.length, sites: sites.length };
  return { ...counts, tokens: tokens.size, files, manifests, results };
}

function olderOf(revisions: Revisions | null): readonly JobTemplate[] {
  return revisions?.older.map(({ template }) => template) ?? [];
}

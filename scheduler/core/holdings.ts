// What a state holds and rests on, so that a copy of it can be checked, and what nothing rests on removed.

import { readResult } from './columns.ts';
import type { JobId, Sha256 } from './model/ids.ts';
import type { JobTemplate } from './model/job.ts';
import type { Revisions } from './model/service.ts';
import type { State } from './state.ts';

/**
 * `file`: a job names it itself. `manifest` lists tasks' own inputs, `result` the outputs of a task: the blobs in
 * them are named too.
 */
export interface NamedBlob {
  readonly kind: 'file' | 'manifest' | 'result';
  readonly sha256: Sha256;
  /** What it lists may be on nodes alone. */
  readonly isKept?: true;
  /** The task whose result it is, where its outputs may have come without anybody's noticing. */
  readonly unsent?: { readonly jobId: JobId; readonly taskIndex: number };
}

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
  /** Those of them whose blobs may be on nodes alone. */
  readonly kept: ReadonlySet<Sha256>;
}

export function holdingsOf(state: State): Holdings {
  const sets = { file: new Set<Sha256>(), manifest: new Set<Sha256>(), result: new Set<Sha256>() };
  const kept = new Set<Sha256>();
  for (const named of namedBlobs(state)) {
    if (named === null) continue;
    sets[named.kind].add(named.sha256);
    if (named.isKept === true) kept.add(named.sha256);
  }
  const { jobs, nodes, sites, tokens, taskCount } = state;
  const counts = { jobs: jobs.size, tasks: taskCount, nodes: nodes.length, sites: sites.length };
  const { file: files, manifest: manifests, result: results } = sets;
  return { ...counts, tokens: tokens.size, files, manifests, results, kept };
}

/**
 * All blobs that the state names, some more than once, and null for a task that names none: whoever goes through
 * a million tasks may pause after any. What is named meanwhile may be passed over.
 */
export function* namedBlobs(state: State): Generator<NamedBlob | null, void> {
  for (const { jobId, template, revisions, tasks, sentOutputs } of state.jobs.values()) {
    for (const { bundles, sharedInputs } of [template, ...olderOf(revisions)])
      for (const { sha256 } of [...bundles, ...sharedInputs]) yield { kind: 'file', sha256 };
    const { manifest, taskCount, home, keepsOutputs } = template;
    const isBorn = home !== undefined && { isKept: true as const };
    if (manifest !== null) yield { kind: 'manifest', sha256: manifest.sha256, ...isBorn };
    for (let index = 0; index < taskCount; index += 1) {
      const sha256 = readResult(tasks, index);
      if (sha256 === null) yield null;
      else if (keepsOutputs !== true) yield { kind: 'result', sha256 };
      else if (sentOutputs.has(index)) yield { kind: 'result', sha256, isKept: true };
      else yield { kind: 'result', sha256, isKept: true, unsent: { jobId, taskIndex: index } };
    }
  }
}

function olderOf(revisions: Revisions | null): readonly JobTemplate[] {
  return revisions?.older.map(({ template }) => template) ?? [];
}

// The jobs that a job file names in `after`: found by id, or else by name.

import type { JobId } from '../core/index.ts';
import { jobId } from '../core/index.ts';
import type { Principal } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';

const maxNames = 32;

/** Their ids, each once, and a violation for each that the caller has no job of. */
export function findAfter(
  deps: ApiDeps,
  names: readonly string[],
  caller: Principal,
): { readonly after: readonly JobId[]; readonly violations: readonly Violation[] } {
  if (names.length > maxNames) {
    const description = `wanted at most ${maxNames} jobs, found ${names.length}`;
    return { after: [], violations: [{ field: 'spec.after', description }] };
  }
  const after = new Set<JobId>();
  const violations: Violation[] = [];
  for (const [at, name] of names.entries()) {
    const found = findOwn(deps, name, caller);
    if (found !== undefined) after.add(found);
    else {
      const description = `wanted the id or the name of a job of yours, found "${name}": see punnet jobs`;
      violations.push({ field: `spec.after[${at}]`, description });
    }
  }
  return { after: [...after], violations };
}

/** The caller's job of this id, or the newest of this name. */
export function findOwn(deps: ApiDeps, name: string, caller: Principal): JobId | undefined {
  const byId = deps.view().job(jobId(name));
  if (byId?.researcher === caller.name) return byId.jobId;
  const wanted = { researcher: caller.name, name, state: null, before: null, limit: 1 };
  return name === '' ? undefined : deps.view().jobs(wanted)[0]?.jobId;
}

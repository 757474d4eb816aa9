// punnet.v1.ResearcherService: who had what of the federation, and what operators allow.

import type {
  ResearcherServiceServer,
  SetResearcherRequest,
  Share,
} from '../../proto/gen/punnet/v1/researcher_service.ts';
import type { ResearcherSettings, ShareSummary } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid } from './errors.ts';
import { page } from './pages.ts';

const largestWeight = 1_000;

export function researcherService(deps: ApiDeps): ResearcherServiceServer {
  return {
    listShares: unary(deps, (request) => {
      const { items, nextPageToken } = page('shares', deps.view().shares(), request);
      return { shares: items.map(toShare), nextPageToken };
    }),
    setResearcher: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const settings = readSettings(request);
      const answer = await deps.submit({ kind: 'setResearcher', name: request.name, settings });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      const found = deps
        .view()
        .shares()
        .find((share) => share.name === request.name);
      return { researcher: found === undefined ? undefined : toShare(found) };
    }),
  };
}

function toShare(share: ShareSummary): Share {
  const { name, settings, leases, waitingTasks, cpu, link, dominant } = share;
  return {
    ...{ name, leases, waitingTasks, cpu, dominant },
    uplink: link,
    weight: settings.weight,
    maxLeases: settings.maxLeases ?? 0,
    maxWaitingTasks: settings.maxWaitingTasks ?? 0,
    workGhzS: share.workGhzSeconds,
    gigabits: share.bits / 1e9,
  };
}

function readSettings(request: SetResearcherRequest): Partial<ResearcherSettings> {
  const violations: Violation[] = [];
  const { name, weight, maxLeases, maxWaitingTasks } = request;
  if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(name)) {
    const description = `wanted 1 to 63 letters, digits, ".", "_", "@" or "-", found "${name}"`;
    violations.push({ field: 'name', description });
  }
  if (weight !== undefined && !(weight > 0 && weight <= largestWeight)) {
    const description = `wanted above 0, at most ${largestWeight}, found ${weight}`;
    violations.push({ field: 'weight', description });
  }
  for (const [field, most] of Object.entries({ maxLeases, maxWaitingTasks })) {
    if (most === undefined || most >= 0) continue;
    violations.push({ field, description: `wanted 0 (no bound) or more, found ${most}` });
  }
  if (violations.length > 0) throw invalid(violations);
  return {
    ...(weight === undefined ? {} : { weight }),
    ...(maxLeases === undefined ? {} : { maxLeases: boundOf(maxLeases) }),
    ...(maxWaitingTasks === undefined ? {} : { maxWaitingTasks: boundOf(maxWaitingTasks) }),
  };
}

function boundOf(most: number): number | null {
  return most === 0 ? null : most;
}

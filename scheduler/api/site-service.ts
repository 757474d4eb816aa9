// punnet.v1.SiteService: everybody looks, operators declare rates and shares.

import type {
  SetSiteRequest,
  Site,
  SiteServiceServer,
} from '../../proto/gen/punnet/v1/node_service.ts';
import type { Command, SiteSummary } from '../core/index.ts';
import { siteId } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { toPlan, toSite } from './messages.ts';
import { page } from './pages.ts';
import { parseQuantity, rate, wrongQuantity } from './quantities.ts';

const leastBps = 1_000;

export function siteService(deps: ApiDeps): SiteServiceServer {
  const withBytes = (site: SiteSummary): Site =>
    toSite(site, {
      down: deps.bytesOf(site.siteId, 'down'),
      up: deps.bytesOf(site.siteId, 'up'),
    });
  const show = (id: string): Site => {
    const site = deps.view().site(siteId(id));
    if (site === undefined) throw notFound('site', id);
    return withBytes(site);
  };
  return {
    listSites: unary(deps, (request) => {
      const { items, nextPageToken } = page('sites', deps.view().sites(), request);
      return { sites: items.map(withBytes), nextPageToken };
    }),
    getSite: unary(deps, (request) => ({ site: show(request.siteId) })),
    setSite: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const answer = await deps.submit(readSetSite(request));
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { site: show(request.siteId) };
    }),
    getPlan: unary(deps, () => {
      const found = deps.view().plan();
      if ('plan' in found) return { plan: toPlan(found.plan), none: undefined };
      return { plan: undefined, none: { ...found.none, count: 0, sites: 0 } };
    }),
  };
}

function readSetSite(request: SetSiteRequest): Command {
  const violations: Violation[] = [];
  const read = (field: string, text: string): number | null => {
    const value = text === '' ? null : parseQuantity(text, rate);
    if (text === '' || (value !== null && value >= leastBps)) return value;
    const description = value === null ? wrongQuantity(text, rate) : `wanted 1 kbit/s or more`;
    violations.push({ field, description });
    return null;
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(request.siteId)) {
    const description = `wanted 1 to 63 letters, digits or "-", found "${request.siteId}"`;
    violations.push({ field: 'siteId', description });
  }
  if (!(request.share >= 0 && request.share <= 1)) {
    const description = `wanted a share above 0, at most 1, found ${request.share}`;
    violations.push({ field: 'share', description });
  }
  const downBps = read('down', request.down);
  const upBps = read('up', request.up);
  if (violations.length > 0) throw invalid(violations);
  const share = request.share === 0 ? null : request.share;
  return { kind: 'setSite', siteId: siteId(request.siteId), downBps, upBps, share };
}

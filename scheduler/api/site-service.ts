// punnet.v1.SiteService: everybody looks, operators declare rates and shares.

import type {
  ImportSitesRequest,
  SetSiteRequest,
  Site,
  SiteServiceServer,
} from '../../proto/gen/punnet/v1/node_service.ts';
import type { SetSite, SetSites, SiteSummary } from '../core/index.ts';
import { nodeId, siteId } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { toPlan, toSite } from './messages.ts';
import { showNode } from './node-service.ts';
import { page } from './pages.ts';
import { parseQuantity, rate, wrongQuantity } from './quantities.ts';

const leastBps = 1_000;
/** Ten times the schools of a large city; some 600 kB. */
const importedMost = 10_000;

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
    getSite: unary(deps, (request, caller) => {
      const site = show(request.siteId);
      // Hashes of other people's blobs are none of a researcher's business.
      if (caller.role !== 'operator') return { site };
      const exchanges = deps.view().exchanges(siteId(request.siteId));
      // A mean chunk need not be a whole number of bytes.
      const rounded = exchanges.map((each) => {
        return { ...each, leasedBytes: Math.round(each.leasedBytes) };
      });
      return { site: { ...site, exchanges: rounded } };
    }),
    setSite: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const answer = await deps.submit(readSetSite(request));
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { site: show(request.siteId) };
    }),
    importSites: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const answer = await deps.submit(readImport(request));
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { sites: request.sites.map((each) => show(each.siteId)) };
    }),
    setNodeSite: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const site = request.siteId === '' ? null : siteId(request.siteId);
      const of = { nodeId: nodeId(request.nodeId), siteId: site };
      const answer = await deps.submit({ kind: 'setNodeSite', ...of });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { node: showNode(deps, request.nodeId, caller) };
    }),
    getPlan: unary(deps, () => {
      const found = deps.view().plan();
      if ('plan' in found) return { plan: toPlan(found.plan), none: undefined };
      return { plan: undefined, none: { ...found.none, count: 0, sites: 0 } };
    }),
  };
}

function readSetSite(request: SetSiteRequest): SetSite {
  const { site, violations } = readSite(request, '');
  if (violations.length > 0) throw invalid(violations);
  return { kind: 'setSite', ...site };
}

/** Each mistake of each site is told; a new one that is guessed has no place in a list. */
function readImport({ sites }: ImportSitesRequest): SetSites {
  if (sites.length === 0 || sites.length > importedMost) {
    const description = `wanted 1 to ${importedMost} sites, found ${sites.length}`;
    throw invalid([{ field: 'sites', description }]);
  }
  const read = sites.map((request, at) => readSite(request, `sites[${at}].`));
  const violations = read.flatMap((each) => [...each.violations]);
  for (const [at, { down, up }] of sites.entries()) {
    for (const [name, text] of Object.entries({ down, up })) {
      const description = `wanted a rate, such as 20 Mbit/s, found nothing`;
      if (text === '') violations.push({ field: `sites[${at}].${name}`, description });
    }
  }
  if (violations.length > 0) throw invalid(violations);
  return { kind: 'setSites', sites: read.map(({ site }) => site) };
}

/** What it says, and all that is wrong with it, its fields named from `prefix` on. */
function readSite(
  request: SetSiteRequest,
  prefix: string,
): { readonly site: Omit<SetSite, 'kind'>; readonly violations: readonly Violation[] } {
  const violations: Violation[] = [];
  const refuse = (field: string, description: string): void => {
    violations.push({ field: `${prefix}${field}`, description });
  };
  const read = (field: string, text: string): number | null => {
    const value = text === '' ? null : parseQuantity(text, rate);
    if (text === '' || (value !== null && value >= leastBps)) return value;
    refuse(field, value === null ? wrongQuantity(text, rate) : 'wanted 1 kbit/s or more');
    return null;
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(request.siteId)) {
    refuse('siteId', `wanted 1 to 63 letters, digits or "-", found "${request.siteId}"`);
  }
  if (!(request.share >= 0 && request.share <= 1)) {
    refuse('share', `wanted a share above 0, at most 1, found ${request.share}`);
  }
  const downBps = read('down', request.down);
  const upBps = read('up', request.up);
  const share = request.share === 0 ? null : request.share;
  const { isMeasured } = request;
  if (isMeasured && (request.down !== '' || request.up !== '')) {
    refuse('isMeasured', 'wanted rates, or an uplink that is measured, found both');
  }
  const site = { siteId: siteId(request.siteId), downBps, upBps, share, isMeasured };
  return { site, violations };
}

// punnet.v1.NodeService, SiteService and TokenService: everybody looks, operators change.

import { randomBytes } from 'node:crypto';
import type {
  NodeServiceServer,
  SiteServiceServer,
} from '../../proto/gen/punnet/v1/node_service.ts';
import type {
  CreateTokenRequest,
  CreateTokenResponse,
  TokenServiceServer,
} from '../../proto/gen/punnet/v1/token_service.ts';
import type { SiteSummary } from '../core/index.ts';
import { instant, nodeId, siteId, tokenId } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { page, unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import type { Violation } from './errors.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { roleOf, toNode, toSite, toToken } from './messages.ts';
import type { Unit } from './quantities.ts';
import { parseQuantity, rate, span } from './quantities.ts';

const maxTokenMs = 400 * 8.64e7;
const maxUses = 1_000;

export function nodeService(deps: ApiDeps): NodeServiceServer {
  const show = (id: string): ReturnType<typeof toNode> => {
    const node = deps.view().node(nodeId(id));
    if (node === undefined) throw notFound(`node ${id}`);
    return toNode(node);
  };
  return {
    listNodes: unary(deps, (request) => {
      const all = deps.view().nodes();
      const chosen = all.filter((node) => request.siteId === '' || node.siteId === request.siteId);
      const { items, nextPageToken } = page(`nodes ${request.siteId}`, chosen, request);
      return { nodes: items.map(toNode), nextPageToken };
    }),
    getNode: unary(deps, (request) => ({ node: show(request.nodeId) })),
    revokeNode: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const answer = await deps.submit({ kind: 'revokeNode', nodeId: nodeId(request.nodeId) });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { node: show(request.nodeId) };
    }),
  };
}

export function siteService(deps: ApiDeps): SiteServiceServer {
  const withBytes = (site: SiteSummary): ReturnType<typeof toSite> =>
    toSite(site, {
      down: deps.bytesOf(site.siteId, 'down'),
      up: deps.bytesOf(site.siteId, 'up'),
    });
  const show = (id: string): ReturnType<typeof toSite> => {
    const site = deps.view().site(siteId(id));
    if (site === undefined) throw notFound(`site ${id}`);
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
      const violations: Violation[] = [];
      const no = (field: string, description: string): null => {
        violations.push({ field, description });
        return null;
      };
      const read = (field: string, text: string, unit: Unit): number | null => {
        if (text === '') return null;
        const value = parseQuantity(text, unit);
        if (value !== null && value >= 1_000) return value;
        return no(field, `wanted ${unit.wanted}, at least 1 kbit/s, found "${text}"`);
      };
      if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(request.siteId)) {
        no('siteId', `wanted 1 to 63 letters, digits or "-", found "${request.siteId}"`);
      }
      if (!(request.share >= 0 && request.share <= 1)) {
        no('share', `wanted a share above 0, at most 1, found ${request.share}`);
      }
      const downBps = read('down', request.down, rate);
      const upBps = read('up', request.up, rate);
      if (violations.length > 0) throw invalid(violations);
      const share = request.share === 0 ? null : request.share;
      const id = siteId(request.siteId);
      const answer = await deps.submit({ kind: 'setSite', siteId: id, downBps, upBps, share });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { site: show(request.siteId) };
    }),
  };
}

export function tokenService(deps: ApiDeps): TokenServiceServer {
  return {
    createToken: unary(deps, (request: CreateTokenRequest, caller) => {
      mustBeOperator(caller);
      return createToken(deps, request);
    }),
    listTokens: unary(deps, (request, caller) => {
      mustBeOperator(caller);
      const { items, nextPageToken } = page('tokens', deps.view().tokens(), request);
      return { tokens: items.map(toToken), nextPageToken };
    }),
    revokeToken: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      const answer = await deps.submit({ kind: 'revokeToken', tokenId: tokenId(request.tokenId) });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      if (answer.kind !== 'token') throw new Error(`a revocation was answered with ${answer.kind}`);
      return { token: toToken(answer.token) };
    }),
  };
}

async function createToken(
  deps: ApiDeps,
  request: CreateTokenRequest,
): Promise<CreateTokenResponse> {
  const violations: Violation[] = [];
  const no = (field: string, description: string): void => {
    violations.push({ field, description });
  };
  const role = roleOf(request.role);
  const spanMs = parseQuantity(request.expiresIn === '' ? '7 days' : request.expiresIn, span);
  if (role === null) no('role', 'wanted a node, a researcher or an operator');
  if (role !== 'node' && !/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(request.name)) {
    no('name', `wanted 1 to 63 letters, digits, ".", "_", "@" or "-", found "${request.name}"`);
  }
  if (spanMs === null || spanMs <= 0 || spanMs > maxTokenMs) {
    no('expiresIn', `wanted ${span.wanted}, at most 400 days, found "${request.expiresIn}"`);
  }
  if (request.uses < 0 || request.uses > maxUses) {
    no('uses', `wanted 1 to ${maxUses}, found ${request.uses}`);
  }
  if (role !== 'node' && (request.siteId !== '' || request.uses !== 0)) {
    no('uses', "site and uses are for a node's token");
  }
  if (violations.length > 0 || role === null || spanMs === null) throw invalid(violations);
  const secret = deps.makeToken();
  const answer = await deps.submit({
    kind: 'createToken',
    tokenId: tokenId(`t${randomBytes(5).toString('hex')}`),
    hash: deps.hashToken(secret),
    role,
    name: request.name,
    siteId: request.siteId === '' ? null : siteId(request.siteId),
    expiresAt: instant(deps.now() + spanMs),
    uses: role === 'node' ? Math.max(1, request.uses) : null,
  });
  if (answer.kind === 'refused') throw fromRefusal(answer);
  if (answer.kind !== 'token') throw new Error(`a new token was answered with ${answer.kind}`);
  const url = role === 'node' ? deps.enrolUrl : deps.endpoint;
  return { token: toToken(answer.token), secret, url, caPem: deps.caPem };
}

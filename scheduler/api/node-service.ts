// punnet.v1.NodeService: everybody looks, operators revoke and drain.

import type {
  DrainNodeRequest,
  DrainNodeResponse,
  NodeServiceServer,
} from '../../proto/gen/punnet/v1/node_service.ts';
import { nodeId, siteId } from '../core/index.ts';
import type { Principal } from './auth.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { toNode } from './messages.ts';
import { page } from './pages.ts';

export function nodeService(deps: ApiDeps): NodeServiceServer {
  const show = (id: string): ReturnType<typeof toNode> => {
    const node = deps.view().node(nodeId(id));
    if (node === undefined) throw notFound('node', id);
    return toNode(node);
  };
  const drain = async (
    request: DrainNodeRequest,
    { caller, isDraining }: { readonly caller: Principal; readonly isDraining: boolean },
  ): Promise<DrainNodeResponse> => {
    mustBeOperator(caller);
    const { nodeId: node, siteId: site } = request;
    if ((node === '') === (site === '')) {
      throw invalid([{ field: 'nodeId', description: 'wanted a node or else a site' }]);
    }
    const of = node === '' ? { siteId: siteId(site) } : { nodeId: nodeId(node) };
    const answer = await deps.submit({ kind: 'drainNodes', of, isDraining });
    if (answer.kind === 'refused') throw fromRefusal(answer);
    if (node !== '') return { nodes: [show(node)] };
    const all = deps.view().nodes();
    return { nodes: all.filter((each) => each.siteId === site).map(toNode) };
  };
  return {
    listNodes: unary(deps, (request) => {
      const { siteId: site } = request;
      if (site !== '' && deps.view().site(siteId(site)) === undefined) throw notFound('site', site);
      const all = deps.view().nodes();
      const chosen = site === '' ? all : all.filter((node) => node.siteId === site);
      const { items, nextPageToken } = page(`nodes ${site}`, chosen, request);
      return { nodes: items.map(toNode), nextPageToken };
    }),
    getNode: unary(deps, (request) => ({ node: show(request.nodeId) })),
    revokeNode: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      show(request.nodeId);
      const answer = await deps.submit({ kind: 'revokeNode', nodeId: nodeId(request.nodeId) });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { node: show(request.nodeId) };
    }),
    drainNode: unary(deps, (request, caller) => drain(request, { caller, isDraining: true })),
    undrainNode: unary(deps, (request, caller) => drain(request, { caller, isDraining: false })),
  };
}

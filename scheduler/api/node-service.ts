// punnet.v1.NodeService: everybody looks, operators revoke and drain.

import type {
  DrainNodeRequest,
  DrainNodeResponse,
  Node,
  NodeServiceServer,
} from '../../proto/gen/punnet/v1/node_service.ts';
import type { NodeSummary } from '../core/index.ts';
import { nodeId, siteId } from '../core/index.ts';
import type { Principal } from './auth.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { fromRefusal, invalid, notFound } from './errors.ts';
import { toNode } from './messages.ts';
import { page } from './pages.ts';

export function nodeService(deps: ApiDeps): NodeServiceServer {
  const show = (id: string, caller: Principal): Node => showNode(deps, id, caller);
  /** In lists: where its tunnel came from is shown one node at a time. */
  const listed = (node: NodeSummary): Node =>
    toNode(node, { ...knownOf(deps, node), addresses: [] });
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
    if (node !== '') return { nodes: [show(node, caller)] };
    const all = deps.view().nodes();
    return { nodes: all.filter((each) => each.siteId === site).map(listed) };
  };
  return {
    listNodes: unary(deps, (request) => {
      const { siteId: site } = request;
      if (site !== '' && deps.view().site(siteId(site)) === undefined) throw notFound('site', site);
      const all = deps.view().nodes();
      const chosen = site === '' ? all : all.filter((node) => node.siteId === site);
      const { items, nextPageToken } = page(`nodes ${site}`, chosen, request);
      return { nodes: items.map(listed), nextPageToken };
    }),
    getNode: unary(deps, (request, caller) => ({ node: show(request.nodeId, caller) })),
    revokeNode: unary(deps, async (request, caller) => {
      mustBeOperator(caller);
      show(request.nodeId, caller);
      const answer = await deps.submit({ kind: 'revokeNode', nodeId: nodeId(request.nodeId) });
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return { node: show(request.nodeId, caller) };
    }),
    drainNode: unary(deps, (request, caller) => drain(request, { caller, isDraining: true })),
    undrainNode: unary(deps, (request, caller) => drain(request, { caller, isDraining: false })),
  };
}

/** One node as this caller may see it. Throws NOT_FOUND. */
export function showNode(deps: ApiDeps, id: string, caller: Principal): Node {
  const node = deps.view().node(nodeId(id));
  if (node === undefined) throw notFound('node', id);
  const addresses = caller.role === 'operator' ? deps.addressesOf(node.nodeId) : [];
  return toNode(node, { ...knownOf(deps, node), addresses });
}

/** What everybody may see of it that is not in the node itself. */
function knownOf(deps: ApiDeps, node: NodeSummary) {
  return {
    siteReason: deps.view().whySited(node.nodeId),
    overlayAddress: deps.overlayAddressOf(node),
  };
}

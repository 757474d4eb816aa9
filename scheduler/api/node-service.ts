// punnet.v1.NodeService: everybody looks, operators revoke.

import type { NodeServiceServer } from '../../proto/gen/punnet/v1/node_service.ts';
import { nodeId, siteId } from '../core/index.ts';
import { mustBeOperator } from './auth.ts';
import { unary } from './calls.ts';
import type { ApiDeps } from './deps.ts';
import { fromRefusal, notFound } from './errors.ts';
import { toNode } from './messages.ts';
import { page } from './pages.ts';

export function nodeService(deps: ApiDeps): NodeServiceServer {
  const show = (id: string): ReturnType<typeof toNode> => {
    const node = deps.view().node(nodeId(id));
    if (node === undefined) throw notFound('node', id);
    return toNode(node);
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
  };
}

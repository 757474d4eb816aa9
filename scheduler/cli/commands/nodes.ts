// punnet nodes, node, plan: the federation's machines, and what is planned for them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  DrainNodeResponse,
  GetPlanResponse,
  ListNodesResponse,
  Node,
  UndrainNodeResponse,
} from '../../../proto/gen/punnet/v1/node_service.ts';
import type { Connection } from '../connection.ts';
import { allPages } from '../connection.ts';
import { badInput } from '../errors.ts';
import { safeText } from '../print.ts';
import { nodesText, nodeText } from '../print-nodes.ts';
import { planText } from '../print-plan.ts';
import type { Session } from '../session.ts';

/** How often `drain --wait` looks. */
const drainLookMs = 500;

const nodeKind = { name: 'Node', codec: Node };

/** Adds the commands about nodes, and the plan. */
export function addNodeCommands(program: Command, session: Session): void {
  addNodes(program, session);
  addPlan(program, session);
}

function addNodes(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('nodes')
    .description('the nodes: health, architecture, busy slots, load')
    .option('--site <id>', 'only of this site')
    .addHelpText('after', '\nExample:\n  punnet nodes --site attic')
    .action(async (options: { site?: string }) => {
      await session.connected(async (connection) => {
        const method = connection.nodes.listNodes.bind(connection.nodes);
        const siteId = options.site ?? '';
        const nodes = await allPages(
          (pageToken) => connection.call(method, { pageSize: 1000, pageToken, siteId }),
          (response) => response.nodes,
        );
        const kind = { name: 'ListNodesResponse', codec: ListNodesResponse };
        await session.show(kind, { nodes, nextPageToken: '' }, () => nodesText(io, nodes));
      });
    });
  const node = program
    .command('node')
    .description('one node, by its id or its name: show it, drain it, or revoke it')
    .addHelpText('after', '\nExamples:\n  punnet node attic-1\n  punnet node revoke attic-1');
  node
    .command('show <node>', { isDefault: true })
    .description('one node in full')
    .addHelpText('after', '\nExample:\n  punnet node show attic-1')
    .action(async (name: string) => {
      await session.connected(async (connection) => {
        const { nodeId } = await connection.findNode(name);
        const getNode = connection.nodes.getNode.bind(connection.nodes);
        // Of one node there is more than lists have.
        const found = (await connection.call(getNode, { nodeId })).node ?? Node.fromPartial({});
        const getSite = connection.sites.getSite.bind(connection.sites);
        const { site } = await connection.call(getSite, { siteId: found.siteId });
        await session.show(nodeKind, found, () => nodeText(io, found, site?.uplink));
      });
    });
  node
    .command('revoke <node>')
    .description('operators: end its credentials; its tasks are placed again')
    .addHelpText('after', '\nExample:\n  punnet node revoke attic-1')
    .action(async (name: string) => {
      await session.connected(async (connection) => {
        const { nodeId } = await connection.findNode(name);
        const method = connection.nodes.revokeNode.bind(connection.nodes);
        const found = (await connection.call(method, { nodeId })).node;
        const shown = found ?? Node.fromPartial({ nodeId });
        const text = `revoked node ${safeText(shown.name)} (${shown.nodeId}); its tasks are placed again\n`;
        await session.show(nodeKind, shown, () => text);
      });
    });
  addDrain(node, session);
}

/** drain and undrain, of a node or a site. */
function addDrain(node: Command, session: Session): void {
  const { io } = session;
  node
    .command('drain [node]')
    .description('operators: no new tasks for a node, or a whole site; what runs goes on')
    .option('--site <id>', 'all nodes that are at this site now')
    .option('--wait', 'until they hold no task any more')
    .addHelpText('after', '\nExample:\n  punnet node drain attic-1 --wait')
    .action(async (name: string | undefined, options: { site?: string; wait?: true }) => {
      await session.connected(async (connection) => {
        const request = await drainRequest(connection, name, options.site);
        const method = connection.nodes.drainNode.bind(connection.nodes);
        const drained = (await connection.call(method, request)).nodes;
        const nodes =
          options.wait === true ? await untilEmpty({ connection, session }, drained) : drained;
        const kind = { name: 'DrainNodeResponse', codec: DrainNodeResponse };
        await session.show(kind, { nodes }, () => nodesText(io, nodes));
      });
    });
  node
    .command('undrain [node]')
    .description('operators: they are given tasks again')
    .option('--site <id>', 'all nodes that are at this site now')
    .addHelpText('after', '\nExample:\n  punnet node undrain attic-1')
    .action(async (name: string | undefined, options: { site?: string }) => {
      await session.connected(async (connection) => {
        const request = await drainRequest(connection, name, options.site);
        const method = connection.nodes.undrainNode.bind(connection.nodes);
        const { nodes } = await connection.call(method, request);
        const kind = { name: 'UndrainNodeResponse', codec: UndrainNodeResponse };
        await session.show(kind, { nodes }, () => nodesText(io, nodes));
      });
    });
}

async function untilEmpty(
  { connection, session }: { readonly connection: Connection; readonly session: Session },
  drained: readonly Node[],
): Promise<Node[]> {
  const method = connection.nodes.getNode.bind(connection.nodes);
  const nodes: Node[] = [];
  for (const { nodeId } of drained) {
    let node = (await connection.call(method, { nodeId })).node;
    while (node !== undefined && node.leases > 0) {
      await sleep(drainLookMs, undefined, { signal: session.io.signal });
      node = (await connection.call(method, { nodeId })).node;
    }
    if (node !== undefined) nodes.push(node);
  }
  return nodes;
}

async function drainRequest(
  connection: Connection,
  name: string | undefined,
  site: string | undefined,
): Promise<{ readonly nodeId: string; readonly siteId: string }> {
  if ((name === undefined) === (site === undefined)) {
    throw badInput('wanted a node or else --site SITE, such as: punnet node drain attic-1');
  }
  if (name === undefined) return { nodeId: '', siteId: site ?? '' };
  return { nodeId: (await connection.findNode(name)).nodeId, siteId: '' };
}

function addPlan(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('plan')
    .description('which part of which job the plan gives to which sites, by intensity and ratio')
    .addHelpText('after', '\nExample:\n  punnet plan')
    .action(async () => {
      await session.connected(async (connection) => {
        const found = await connection.call(connection.sites.getPlan.bind(connection.sites), {});
        const kind = { name: 'GetPlanResponse', codec: GetPlanResponse };
        const none = `no plan: ${found.none?.reason}; ${found.none?.remedy}\n`;
        await session.show(kind, found, () =>
          found.plan === undefined ? none : planText(io, found.plan),
        );
      });
    });
}

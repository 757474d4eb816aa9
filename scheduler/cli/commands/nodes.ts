// punnet nodes, node, sites, site: the federation's machines and their uplinks.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  DrainNodeResponse,
  GetPlanResponse,
  ListNodesResponse,
  ListSitesResponse,
  Node,
  Site,
  UndrainNodeResponse,
} from '../../../proto/gen/punnet/v1/node_service.ts';
import type { Connection } from '../connection.ts';
import { allPages } from '../connection.ts';
import { badInput } from '../errors.ts';
import { safeText } from '../print.ts';
import { nodesText, nodeText, sitesText, siteText } from '../print-nodes.ts';
import { planText } from '../print-plan.ts';
import type { Session } from '../session.ts';

/** How often `drain --wait` looks. */
const drainLookMs = 500;

const nodeKind = { name: 'Node', codec: Node };
const siteKind = { name: 'Site', codec: Site };

/** Adds the commands about nodes and sites. */
export function addNodeCommands(program: Command, session: Session): void {
  addNodes(program, session);
  addSites(program, session);
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
        const found = await connection.findNode(name);
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

function addSites(program: Command, session: Session): void {
  const { io } = session;
  program
    .command('sites')
    .description('the sites: uplink, share, CPU')
    .addHelpText('after', '\nExample:\n  punnet sites')
    .action(async () => {
      await session.connected(async (connection) => {
        const method = connection.sites.listSites.bind(connection.sites);
        const sites = await allPages(
          (pageToken) => connection.call(method, { pageSize: 1000, pageToken }),
          (response) => response.sites,
        );
        const kind = { name: 'ListSitesResponse', codec: ListSitesResponse };
        await session.show(kind, { sites, nextPageToken: '' }, () => sitesText(io, sites));
      });
    });
  const site = program
    .command('site')
    .description('one site: show it (site SITE) or change it (site set SITE)')
    .addHelpText(
      'after',
      "\nExamples:\n  punnet site attic\n  punnet site set attic --up '5 Mbit/s'",
    );
  site
    .command('show <site>', { isDefault: true })
    .description('one site in full')
    .addHelpText('after', '\nExample:\n  punnet site show attic')
    .action(async (siteId: string) => {
      await session.connected(async (connection) => {
        const method = connection.sites.getSite.bind(connection.sites);
        const shown =
          (await connection.call(method, { siteId })).site ?? Site.fromPartial({ siteId });
        await session.show(siteKind, shown, () => siteText(io, shown));
      });
    });
  site
    .command('set <site>')
    .description("operators: declare a site's uplink and the share that is ours")
    .option('--down <rate>', "into the site, such as '20 Mbit/s'")
    .option('--up <rate>', "out of the site, such as '5 Mbit/s'")
    .option('--share <part>', 'the part we may use, such as 25%')
    .addHelpText(
      'after',
      "\nExample:\n  punnet site set attic --down '20 Mbit/s' --up '5 Mbit/s' --share 25%",
    )
    .action(async (siteId: string, options: { down?: string; up?: string; share?: string }) => {
      if (options.down === undefined && options.up === undefined && options.share === undefined) {
        throw badInput('wanted what to set: --down, --up or --share, found none');
      }
      const share = options.share === undefined ? 0 : parseShare(options.share);
      await session.connected(async (connection) => {
        const method = connection.sites.setSite.bind(connection.sites);
        const request = { siteId, down: options.down ?? '', up: options.up ?? '', share };
        const shown = (await connection.call(method, request)).site ?? Site.fromPartial({ siteId });
        await session.show(siteKind, shown, () => siteText(io, shown));
      });
    });
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

/** A part of 1 from "25%" or "0.25". Throws a CliError on anything else. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim());
  const share = match === null ? 0 : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (share > 0 && share <= 1) return share;
  throw badInput(`--share: wanted a part above 0 and at most 100%, such as 25%, found "${text}"`);
}

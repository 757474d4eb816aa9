// punnet nodes, node, sites, site: the federation's machines and their uplinks.
import type { Command } from 'commander';
import {
  ListNodesResponse,
  ListSitesResponse,
  Node,
  Site,
} from '../../../proto/gen/punnet/v1/node_service.ts';
import { allPages } from '../connection.ts';
import { badInput } from '../errors.ts';
import { nodesText, nodeText, sitesText, siteText } from '../print-nodes.ts';
import type { Session } from '../session.ts';

/** Adds the commands about nodes and sites. */
export function addNodeCommands(program: Command, session: Session): void {
  addNodes(program, session);
  addSites(program, session);
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
        const all = { nodes, nextPageToken: '' };
        session.show('ListNodesResponse', ListNodesResponse, all, () => nodesText(io, nodes));
      });
    });
  const node = program
    .command('node')
    .description('one node: show it (node ID) or revoke it (node revoke ID)')
    .addHelpText('after', '\nExamples:\n  punnet node n12\n  punnet node revoke n12');
  node
    .command('show <id>', { isDefault: true })
    .description('one node in full')
    .action(async (nodeId: string) => {
      await session.connected(async (connection) => {
        const method = connection.nodes.getNode.bind(connection.nodes);
        const found = (await connection.call(method, { nodeId })).node;
        const shown = found ?? Node.fromPartial({ nodeId });
        session.show('Node', Node, shown, () => nodeText(io, shown));
      });
    });
  node
    .command('revoke <id>')
    .description('operators: end its credentials; its tasks are placed again')
    .addHelpText('after', '\nExample:\n  punnet node revoke n12')
    .action(async (nodeId: string) => {
      await session.connected(async (connection) => {
        const method = connection.nodes.revokeNode.bind(connection.nodes);
        const found = (await connection.call(method, { nodeId })).node;
        const shown = found ?? Node.fromPartial({ nodeId });
        session.show('Node', Node, shown, () => `revoked node ${shown.nodeId}\n`);
      });
    });
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
        const all = { sites, nextPageToken: '' };
        session.show('ListSitesResponse', ListSitesResponse, all, () => sitesText(io, sites));
      });
    });
  const site = program
    .command('site')
    .description('one site: show it (site ID) or change it (site set ID)')
    .addHelpText(
      'after',
      "\nExamples:\n  punnet site attic\n  punnet site set attic --up '5 Mbit/s'",
    );
  site
    .command('show <id>', { isDefault: true })
    .description('one site in full')
    .action(async (siteId: string) => {
      await session.connected(async (connection) => {
        const method = connection.sites.getSite.bind(connection.sites);
        const shown =
          (await connection.call(method, { siteId })).site ?? Site.fromPartial({ siteId });
        session.show('Site', Site, shown, () => siteText(io, shown));
      });
    });
  site
    .command('set <id>')
    .description("operators: declare a site's uplink and the share that is ours")
    .option('--down <rate>', "into the site, such as '20 Mbit/s'")
    .option('--up <rate>', "out of the site, such as '5 Mbit/s'")
    .option('--share <part>', 'the part we may use, such as 25%')
    .addHelpText(
      'after',
      "\nExample:\n  punnet site set attic --down '20 Mbit/s' --up '5 Mbit/s' --share 25%",
    )
    .action(async (siteId: string, options: { down?: string; up?: string; share?: string }) => {
      const share = options.share === undefined ? 0 : parseShare(options.share);
      await session.connected(async (connection) => {
        const method = connection.sites.setSite.bind(connection.sites);
        const request = { siteId, down: options.down ?? '', up: options.up ?? '', share };
        const shown = (await connection.call(method, request)).site ?? Site.fromPartial({ siteId });
        session.show('Site', Site, shown, () => siteText(io, shown));
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

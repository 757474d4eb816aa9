// punnet sites, site: where nodes are, and their uplinks.
import type { Command } from 'commander';
import {
  ImportSitesResponse,
  ListSitesResponse,
  Node,
  Site,
} from '../../../proto/gen/punnet/v1/node_service.ts';
import type { Connection } from '../connection.ts';
import { allPages } from '../connection.ts';
import { badInput, fieldViolations, isServiceError } from '../errors.ts';
import { exchangesText } from '../print-exchanges.ts';
import { nodeText, placesText, sitesText, siteText } from '../print-nodes.ts';
import type { Session } from '../session.ts';
import { readShare, readSiteTable, siteTableText } from '../site-table.ts';

const siteKind = { name: 'Site', codec: Site };

/** Adds the commands about sites. */
export function addSiteCommands(program: Command, session: Session): void {
  addSites(program, session);
  const site = program
    .command('site')
    .description('one site: show it (site SITE) or change it (site set SITE)')
    .addHelpText(
      'after',
      "\nExamples:\n  punnet site attic\n  punnet site set attic --up '5 Mbit/s'",
    );
  addSite(site, session);
  addSetNode(site, session);
}

function addSites(program: Command, session: Session): void {
  const { io } = session;
  const list = program
    .command('sites')
    .description('the sites: uplink, share, CPU, and how it is known which nodes are there')
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
  list
    .command('import <file>')
    .description('operators: declare many sites, from a CSV table with site, down, up and share')
    .addHelpText(
      'after',
      '\nExample:\n  punnet sites import schools.csv\n\nThe table:\n  site,down,up,share\n  gla-school-1,20 Mbit/s,5 Mbit/s,25%',
    )
    .action(async (file: string) => {
      const table = await readSiteTable(file);
      await session.connected(async (connection) => {
        const sites = await importSites(connection, table);
        const kind = { name: 'ImportSitesResponse', codec: ImportSitesResponse };
        await session.show(kind, { sites }, () => `set ${sites.length} sites\n`);
      });
    });
}

/** All of them, or none: then each mistake is told at its place in the table. */
async function importSites(
  connection: Connection,
  table: Awaited<ReturnType<typeof readSiteTable>>,
): Promise<Site[]> {
  try {
    const method = connection.sites.importSites.bind(connection.sites);
    return (await connection.raw(method, { sites: [...table.sites] })).sites;
  } catch (error) {
    const violations = isServiceError(error) ? fieldViolations(error) : [];
    const texts = violations.flatMap((each) => siteTableText(table, each) ?? []);
    if (texts.length === 0) throw connection.explain(error);
    throw badInput(texts.join('\n'), error);
  }
}

interface SetOptions {
  readonly down?: string;
  readonly up?: string;
  readonly share?: string;
  readonly measured?: true;
}

function addSite(site: Command, session: Session): void {
  const { io } = session;
  site
    .command('show <site>', { isDefault: true })
    .description('one site in full')
    .addHelpText('after', '\nExample:\n  punnet site show attic')
    .action(async (siteId: string) => {
      await session.connected(async (connection) => {
        const method = connection.sites.getSite.bind(connection.sites);
        const shown =
          (await connection.call(method, { siteId })).site ?? Site.fromPartial({ siteId });
        const list = connection.nodes.listNodes.bind(connection.nodes);
        const nodes = await allPages(
          (pageToken) => connection.call(list, { pageSize: 1000, pageToken, siteId }),
          (response) => response.nodes,
        );
        await session.show(
          siteKind,
          shown,
          () => siteText(io, shown) + placesText(io, nodes) + exchangesText(io, shown.exchanges),
        );
      });
    });
  site
    .command('set <site>')
    .description("operators: declare a site's uplink and the share that is ours")
    .option('--down <rate>', "into the site, such as '20 Mbit/s'")
    .option('--up <rate>', "out of the site, such as '5 Mbit/s'")
    .option('--share <part>', 'the part we may use, such as 25%')
    .option('--measured', 'forget the rates that were declared: probes measure them')
    .addHelpText(
      'after',
      "\nExamples:\n  punnet site set attic --down '20 Mbit/s' --up '5 Mbit/s' --share 25%\n  punnet site set attic --measured",
    )
    .action(async (siteId: string, options: SetOptions) => {
      if (Object.keys(options).length === 0) {
        throw badInput('wanted what to set: --down, --up, --share or --measured, found none');
      }
      if (options.measured && (options.down ?? options.up) !== undefined) {
        throw badInput('--measured: wanted it alone or rates alone, found both');
      }
      const share = options.share === undefined ? 0 : shareOf(options.share);
      await session.connected(async (connection) => {
        const method = connection.sites.setSite.bind(connection.sites);
        const { down = '', up = '', measured: isMeasured = false } = options;
        const request = { siteId, down, up, share, isMeasured };
        const shown = (await connection.call(method, request)).site ?? Site.fromPartial({ siteId });
        await session.show(siteKind, shown, () => siteText(io, shown));
      });
    });
}

function addSetNode(site: Command, session: Session): void {
  const { io } = session;
  site
    .command('set-node <node> [site]')
    .description('operators: say at which site a node is; it stays there whatever is seen of it')
    .option('--by-evidence', 'its token, or the address that it connects from, decides again')
    .addHelpText(
      'after',
      '\nExamples:\n  punnet site set-node attic-1 gla-school-1\n  punnet site set-node attic-1 --by-evidence',
    )
    .action(async (name: string, siteId: string | undefined, options: { byEvidence?: true }) => {
      if ((siteId === undefined) === (options.byEvidence === undefined)) {
        throw badInput('wanted a site or else --by-evidence: punnet site set-node NODE SITE');
      }
      await session.connected(async (connection) => {
        const { nodeId } = await connection.findNode(name);
        const method = connection.sites.setNodeSite.bind(connection.sites);
        const { node } = await connection.call(method, { nodeId, siteId: siteId ?? '' });
        const shown = node ?? Node.fromPartial({ nodeId });
        const kind = { name: 'Node', codec: Node };
        await session.show(kind, shown, () => nodeText(io, shown, undefined));
      });
    });
}

/** A part of 1 from "25%" or "0.25". Throws a CliError on anything else. */
function shareOf(text: string): number {
  const share = readShare(text);
  if (share !== null) return share;
  throw badInput(`--share: wanted a part above 0 and at most 100%, such as 25%, found "${text}"`);
}

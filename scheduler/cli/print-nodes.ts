// How nodes, sites and tokens look.
import type { UplinkRate } from '../../proto/gen/punnet/v1/common.ts';
import { RateSource } from '../../proto/gen/punnet/v1/common.ts';
import type { Inventory } from '../../proto/gen/punnet/v1/node.ts';
import {
  NodeHealth,
  type Node,
  type Site,
  type UplinkProbe,
} from '../../proto/gen/punnet/v1/node_service.ts';
import { TokenRole, type Token } from '../../proto/gen/punnet/v1/token_service.ts';
import type { CliIo } from './io.ts';
import { stateText } from './print-jobs.ts';
import { figureText } from './print-plan.ts';
import {
  bytesText,
  countText,
  enumText,
  facts,
  rateText,
  safeText,
  spanText,
  table,
} from './print.ts';
import { timeText } from './print.ts';

/** A line a node. */
export function nodesText(io: CliIo, nodes: readonly Node[]): string {
  if (nodes.length === 0) return 'no nodes: "punnet token create --node" lets one enrol\n';
  const rows = nodes.map((node) => [
    node.nodeId,
    safeText(node.name),
    node.siteId,
    stateText(io, healthText(node)),
    node.inventory?.architecture ?? '',
    busyText(node),
    node.inventory === undefined ? '' : `${node.inventory.speedGhz.toFixed(2)} GHz`,
    node.status === undefined ? '' : node.status.load.toFixed(2).padStart(5),
    ageText(io, node.lastHeardUnixMs),
  ]);
  const head = ['node', 'name', 'site', 'health', 'arch', 'busy', 'slot speed', 'load', 'heard'];
  const twin = nodes.find((node) => node.health === NodeHealth.QUARANTINED);
  const hint =
    twin === undefined ? '' : `quarantined, and what to do: punnet node ${twin.nodeId}\n`;
  return table(io, head, rows) + hint;
}

/** "1/4", or "4/4 +2": of four slots all run something, and two tasks come next. */
function busyText({ leases, status, inventory }: Node): string {
  const slots = status?.slots ?? inventory?.slots ?? 0;
  const next = leases > slots ? ` +${leases - slots}` : '';
  return `${Math.min(leases, slots)}/${slots}${next}`;
}

/** One node in full, with the uplink of its site: what is declared there counts, not the node's guess. */
export function nodeText(io: CliIo, node: Node, uplink: UplinkRate | undefined): string {
  const { inventory, status } = node;
  const refusal = status?.notAccepting;
  const isRefusing = status !== undefined && !status.isAccepting;
  return facts(io, [
    ['node', node.nodeId],
    ['name', safeText(node.name)],
    ['site', node.siteId],
    ['known by', safeText(node.siteReason)],
    ['address', node.overlayAddress],
    ['connects from', addressesText(io, node)],
    ['health', stateText(io, healthText(node))],
    ['draining', node.isDraining ? 'an operator lets it run empty: no new tasks' : ''],
    ['not accepting', isRefusing ? safeText(refusal?.reason ?? 'no reason given') : ''],
    ['quarantined', node.health === NodeHealth.QUARANTINED ? quarantineText(node.nodeId) : ''],
    ['model', safeText(inventory?.model ?? '')],
    ['architecture', inventory === undefined ? '' : archText(inventory)],
    ['slots', inventory === undefined ? '' : `${status?.slots ?? inventory.slots}`],
    ['slot speed', inventory === undefined ? '' : speedText(inventory)],
    ['memory', inventory === undefined ? '' : bytesText(inventory.memoryBytes)],
    ['sandbox', inventory?.sandbox ?? ''],
    ['LAN', safeText(inventory?.lan ?? '')],
    ['load', status === undefined ? '' : status.load.toFixed(2)],
    ["site's uplink", uplinkText(uplink)],
    ["owner's hours", hoursText(status?.hoursLeftMs)],
    ['leases', String(node.leases)],
    ['tasks', `${node.tasksSucceeded} succeeded, ${node.tasksFailed} failed`],
    ['agent', safeText(inventory?.agentVersion ?? '')],
    ['enrolled', timeText(node.enrolledUnixMs)],
    ['last heard', ageText(io, node.lastHeardUnixMs)],
  ]);
}

/** Empty when they don't end. */
function hoursText(leftMs: number | undefined): string {
  return leftMs === undefined ? '' : `ended in ${spanText(leftMs)} when it last reported`;
}

/** What matters most of it to whoever looks for a place. */
function healthText({ health, isDraining }: Node): string {
  return isDraining && health === NodeHealth.HEALTHY ? 'draining' : enumText(NodeHealth, health);
}

/** How a node gets out of it; its agent says the same to the owner. */
function quarantineText(nodeId: string): string {
  return (
    'two agents spoke with its identity (a copied folder?), and both stopped: ' +
    `"punnet node revoke ${nodeId}", then enrol each node again, with a new token and in an empty folder`
  );
}

/** A line a site. */
export function sitesText(io: CliIo, sites: readonly Site[]): string {
  if (sites.length === 0)
    return 'no sites yet: each node brings one, or "punnet site set SITE --down RATE --up RATE"\n';
  const rows = sites.map((site) => [
    site.siteId,
    String(site.nodes),
    String(site.slots),
    `${site.cpuGhz.toFixed(1).padStart(5)} GHz`,
    rateText(site.uplink?.downBps ?? 0),
    rateText(site.uplink?.upBps ?? 0),
    enumText(RateSource, site.uplink?.source ?? 0),
    `${spanText(site.uplink?.ageMs ?? 0)} ago`,
    spreadText(site.uplink?.spread),
    percent(site.share),
    site.downRatio === 0 ? '' : `${figureText(site.downRatio)} Gbit/s per GHz`,
    site.evidence,
  ]);
  const head = [
    'site',
    'nodes',
    'slots',
    'cpu',
    'down',
    'up',
    'source',
    'age',
    'spread',
    'share',
    'ratio, down',
    'known by',
  ];
  return table(io, head, rows);
}

/** One site in full. */
export function siteText(io: CliIo, site: Site): string {
  return facts(io, [
    ['site', site.siteId],
    ['uplink', uplinkText(site.uplink)],
    ['rates', safeText(site.uplinkReason)],
    ...site.lastProbes.map((each): [string, string] => ['probe', probeText(io, each)]),
    ['probes', site.probes === 0 ? '' : `${site.probes}, ${bytesText(site.probeBytes)} both ways`],
    ['share', `${percent(site.share)} of it is ours`],
    ['nodes', `${site.nodes} with ${countText(site.slots, 'slot')}, ${site.cpuGhz.toFixed(1)} GHz`],
    ['known by', site.evidence],
    ['LANs', safeText(site.lans.join(', '))],
    ['ratio', ratioText(site)],
    ['carried', `${bytesText(site.bytesDown)} down, ${bytesText(site.bytesUp)} up`],
    ['tunnels', tunnelsText(site)],
  ]);
}

/** Why each node counts to the site, a line a node. */
export function placesText(io: CliIo, nodes: readonly Node[]): string {
  if (nodes.length === 0) return '';
  const rows = nodes.map((node) => [node.nodeId, safeText(node.name), safeText(node.siteReason)]);
  return `\n${table(io, ['node', 'name', 'there because'], rows)}`;
}

/** Only operators are told. */
function addressesText(io: CliIo, { addresses }: Node): string {
  const [latest, ...others] = addresses;
  if (latest === undefined) return '';
  const before =
    others.length === 0 ? '' : `; before: ${others.map(({ address }) => address).join(', ')}`;
  return safeText(`${latest.address}, seen ${ageText(io, latest.lastUnixMs)}${before}`);
}

function tunnelsText({ tunnelBytesDown, tunnelBytesUp }: Site): string {
  if (tunnelBytesDown + tunnelBytesUp === 0) return '';
  return `${bytesText(tunnelBytesDown)} down, ${bytesText(tunnelBytesUp)} up`;
}

/** A line a token; secrets are not known any more. */
export function tokensText(io: CliIo, tokens: readonly Token[]): string {
  if (tokens.length === 0) return 'no tokens: "punnet token create --node"\n';
  const rows = tokens.map((token) => [
    token.tokenId,
    enumText(TokenRole, token.role),
    safeText(token.name),
    token.siteId,
    token.usesLeft === undefined ? 'any' : String(token.usesLeft),
    timeText(token.expiresUnixMs),
    stateText(io, tokenState(io, token)),
  ]);
  return table(io, ['token', 'role', 'name', 'site', 'uses left', 'expires', 'state'], rows);
}

/** Why nobody gets in with it; empty: it opens. */
function tokenState(io: CliIo, token: Token): string {
  if (token.isRevoked) return 'revoked';
  if (token.usesLeft === 0) return 'used up';
  return token.expiresUnixMs <= io.now() ? 'expired' : '';
}

/** Uplink for each GHz of CPU, of the part that is ours. */
function ratioText({ downRatio, upRatio }: Site): string {
  if (downRatio === 0 && upRatio === 0) return '';
  return `${rateText(1e9 * downRatio)} down and ${rateText(1e9 * upRatio)} up for each GHz`;
}

function uplinkText(uplink: UplinkRate | undefined): string {
  if (uplink === undefined) return '';
  const rates = `${rateText(uplink.downBps)} down, ${rateText(uplink.upBps)} up`;
  const spread = uplink.spread === 0 ? '' : ` ${spreadText(uplink.spread)}`;
  const age = uplink.ageMs === 0 ? '' : ` ${spanText(uplink.ageMs)} ago`;
  return `${rates}${spread} (${enumText(RateSource, uplink.source)}${age})`;
}

/** Of several probes; empty without them. */
/** With the part of a core that its owner leaves. */
function speedText({ speedGhz, cpuShare = 1 }: Inventory): string {
  const part = cpuShare < 1 ? ` (its owner leaves ${percent(cpuShare)} of a core)` : '';
  return `${speedGhz.toFixed(2)} GHz${part}`;
}

function spreadText(spread = 0): string {
  return spread === 0 ? '' : `±${percent(spread)}`;
}

/** "8.1 Mbit/s down, 1.9 Mbit/s up, 3h ago" */
function probeText(io: CliIo, { atUnixMs, downBps, upBps }: UplinkProbe): string {
  const rate = (bps: number): string => (bps === 0 ? 'nothing' : rateText(bps));
  return `${rate(downBps)} down, ${rate(upBps)} up, ${ageText(io, atUnixMs)}`;
}

function archText(inventory: { readonly architecture: string; readonly userland: string }): string {
  return `${inventory.architecture} (userland ${inventory.userland})`;
}

function ageText(io: CliIo, unixMs: number): string {
  return unixMs === 0 ? 'never' : `${spanText(io.now() - unixMs)} ago`;
}

function percent(part: number): string {
  return `${Math.round(part * 1000) / 10}%`;
}

// `punnet-scheduler overlay init`: writes all that OpenVPN, nftables and systemd need for the
// overlay. What is there already stays as it is: nodes know it.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { Prefix } from '../../core/index.ts';
import { formatPrefix, lastSlice, parsePrefix } from '../../core/index.ts';
import { DataFolderError, makeFolder, readIfThere, writeDurably } from '../durable-file.ts';
import { KeptPorts } from '../kept-ports.ts';
import { newServerPair, openAuthority } from '../pki/authority.ts';
import { NodeCertificates } from '../pki/node-certificates.ts';
import { openTlsCryptKey } from '../pki/tls-crypt-key.ts';
import type { CorePorts, OverlayServer } from './openvpn-files.ts';
import { firewallRules, firewallService, firewallTimer } from './openvpn-files.ts';
import { journalConf, nftablesDropIn } from './openvpn-files.ts';
import { serverConf, serverName, serviceDropIn } from './openvpn-files.ts';
import type { OverlayPlan } from './overlay-folder.ts';
import { planFileName, planText, readPlan, serverNameShape } from './overlay-folder.ts';

/** A server that has dropped its rights can't read a new certificate, and a restart cuts its tunnels. */
const serverDays = 10 * 365;

/** A mistake in the words of the command; nothing has changed. */
export class OverlayError extends Error {
  override readonly name = 'OverlayError';
}

export interface InitOptions {
  readonly dataFolder: string;
  /** "fd12:3456:789a::/48"; undefined: the one that is there, or a random one of fd00::/8. */
  readonly prefix: string | undefined;
  /** "NAME=HOST:PORT" or "NAME=HOST:PORT/tcp". */
  readonly servers: readonly string[];
  /** As the scheduler's flags; 0: the free one that it keeps. */
  readonly httpsPort: number;
  readonly probePort: number;
}

export interface Initialised {
  readonly folder: string;
  readonly plan: OverlayPlan;
  readonly written: readonly string[];
  /** Files that were there, and differ from what would be written. */
  readonly kept: readonly string[];
}

/** Throws an OverlayError for bad words, a DataFolderError for a folder that can't be used. */
export async function initOverlay(options: InitOptions): Promise<Initialised> {
  const folder = path.resolve(options.dataFolder, 'overlay');
  const plan = planFrom(options, readPlan(folder));
  makeFolder(options.dataFolder);
  refuseOtherOwner(options.dataFolder);
  makeFolder(folder);
  const ports = await portsOfCore(options);
  const files = await filesOf(options.dataFolder, plan, ports);
  const written: string[] = [];
  const kept: string[] = [];
  for (const { name } of plan.servers) {
    mkdirSync(path.join(folder, name, 'ccd'), { recursive: true, mode: 0o700 });
  }
  for (const { name, text, isOurs } of files) {
    const file = path.join(folder, name);
    const found = readIfThere(file);
    if (found === null || (isOurs && found !== text)) {
      writeDurably(file, text);
      written.push(name);
    } else if (found !== text) kept.push(name);
  }
  return { folder, plan, written, kept };
}

function planFrom(options: InitOptions, before: OverlayPlan | null): OverlayPlan {
  const prefix = choosePrefix(options.prefix, before);
  const servers = [...(before?.servers ?? [])];
  for (const words of options.servers) {
    const wanted = parseServer(words);
    const known = servers.find(({ name }) => name === wanted.name);
    if (known === undefined) servers.push({ ...wanted, slice: freeSlice(servers) });
    else refuseOther(known, wanted);
  }
  if (servers.length > 0) return { prefix, servers };
  throw new OverlayError(
    '--server: wanted one or more OpenVPN servers as NAME=HOST:PORT, found none: say where nodes will find it, as in --server main=vpn.example.org:1194',
  );
}

function choosePrefix(text: string | undefined, before: OverlayPlan | null): Prefix {
  if (text === undefined) return before?.prefix ?? randomPrefix();
  const parsed = parsePrefix(text);
  if (parsed.kind === 'refused') throw new OverlayError(`--prefix ${parsed.reason}`);
  const known = before === null ? null : formatPrefix(before.prefix);
  if (known === null || known === formatPrefix(parsed.prefix)) return parsed.prefix;
  throw new OverlayError(
    `--prefix ${text}: this overlay has ${known}, and its nodes have their addresses from it: leave --prefix out`,
  );
}

/** RFC 4193: 40 random bits, so that two networks hardly ever have the same. */
function randomPrefix(): Prefix {
  const bytes = randomBytes(5);
  return [0xfd00 + bytes.readUInt8(0), bytes.readUInt16BE(1), bytes.readUInt16BE(3)];
}

function parseServer(words: string): Omit<OverlayServer, 'slice'> {
  const [, name = '', bracketed, plain, digits, end] =
    /^([^=]*)=(?:\[([0-9a-fA-F:.]+)\]|([^:/\s[\]]+)):(\d{1,5})(\/tcp|\/udp)?$/.exec(words) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host !== undefined && port >= 1 && port <= 65_535 && serverNameShape.test(name)) {
    return { name, host, port, protocol: end === '/tcp' ? 'tcp' : 'udp' };
  }
  throw new OverlayError(
    `--server ${words}: wanted NAME=HOST:PORT or NAME=HOST:PORT/tcp, with a name of lower-case letters, digits and -, as main=vpn.example.org:1194`,
  );
}

function freeSlice(servers: readonly OverlayServer[]): number {
  const slice = Math.max(0, ...servers.map((server) => server.slice)) + 1;
  if (slice <= lastSlice) return slice;
  throw new OverlayError(`--server: a federation has at most ${lastSlice} servers`);
}

function refuseOther(known: OverlayServer, wanted: Omit<OverlayServer, 'slice'>): void {
  const text = ({ host, port, protocol }: Omit<OverlayServer, 'slice'>): string =>
    `${host}:${port}/${protocol}`;
  if (text(known) === text(wanted)) return;
  throw new OverlayError(
    `--server ${wanted.name}: it is ${text(known)} already, and nodes know it by that, found ${text(wanted)}: let DNS or a forwarded port lead there, or add a server of another name`,
  );
}

/** OpenVPN becomes this user, and must read what the scheduler writes. */
function refuseOtherOwner(dataFolder: string): void {
  const { uid } = statSync(dataFolder);
  const me = userInfo();
  if (uid === me.uid) return;
  throw new DataFolderError(
    `${dataFolder}: wanted a folder of ${me.username}, found one of the user with id ${uid}: run this as the user that runs the scheduler (sudo -u punnet punnet-scheduler overlay init …)`,
  );
}

interface PlannedFile {
  readonly name: string;
  readonly text: string;
  /** Nobody edits it by hand. */
  readonly isOurs: boolean;
}

/** Where the scheduler will listen, or does: the ports that it keeps are chosen here if it never ran. */
async function portsOfCore(options: InitOptions): Promise<CorePorts> {
  const kept = new KeptPorts(options.dataFolder);
  // The core's own address may not be on this machine yet.
  const port = (name: string, wanted = 0): Promise<number> =>
    wanted === 0 ? kept.port(name, '::') : Promise.resolve(wanted);
  const https = await port('https', options.httpsPort);
  return { tcp: [https, await port('nats')], udp: [await port('probe', options.probePort)] };
}

async function filesOf(
  dataFolder: string,
  plan: OverlayPlan,
  ports: CorePorts,
): Promise<readonly PlannedFile[]> {
  const { prefix, servers } = plan;
  const folder = path.resolve(dataFolder, 'overlay');
  const authority = await openAuthority(dataFolder);
  const certificates = NodeCertificates.open(dataFolder, authority);
  const crl = readIfThere(path.join(folder, 'crl.pem'));
  const who = { user: userInfo().username, group: groupName() };
  const files: PlannedFile[] = [
    { name: 'ca.pem', text: `${authority.certificate.toString('pem')}\n`, isOurs: true },
    { name: 'tls-crypt.key', text: openTlsCryptKey(dataFolder), isOurs: true },
    {
      ...{ name: 'crl.pem', isOurs: true },
      text: crl ?? (await certificates.revocationList(Date.now())),
    },
    { name: 'rules.nft', text: firewallRules(prefix, ports), isOurs: false },
    { name: 'service.conf', text: serviceDropIn(prefix, folder), isOurs: false },
    { name: 'nftables.conf', text: nftablesDropIn(folder), isOurs: false },
    { name: 'punnet-overlay-firewall.service', text: firewallService(folder), isOurs: false },
    { name: 'punnet-overlay-firewall.timer', text: firewallTimer(), isOurs: false },
    { name: 'journald.conf', text: journalConf(), isOurs: false },
  ];
  for (const server of servers) {
    const name = `${server.name}/server.pem`;
    const found = readIfThere(path.join(folder, name));
    const options = { commonName: serverName, names: [server.host], days: serverDays };
    const pair = found === null ? await newServerPair(authority, options) : null;
    const text = pair === null ? (found ?? '') : `${pair.keyPem}\n${pair.certificatePem}\n`;
    files.push({ name, text, isOurs: true });
    const conf = serverConf({ prefix, server, folder, ...who });
    files.push({ name: `${server.name}/server.conf`, text: conf, isOurs: false });
  }
  // The last: with it the folder is an overlay.
  return [...files, { name: planFileName, text: planText(plan), isOurs: true }];
}

function groupName(): string {
  return execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
}

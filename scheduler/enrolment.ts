// How nodes come in, and are shut out: puts the overlay, the bus's identity and enrolment together
// for main.ts; and the operator's own way in.

import { randomBytes } from 'node:crypto';
import { Enroller } from './adapters/enroller.ts';
import type { HttpsServer } from './adapters/https/https-server.ts';
import type { AuditLog } from './adapters/audit/audit-log.ts';
import type { NatsIdentity } from './adapters/nats/nats-identity.ts';
import type { NodeLinkOptions } from './adapters/nats/node-link.ts';
import type { Overlay } from './adapters/overlay/overlay.ts';
import { keepOperatorContext } from './adapters/operator-context.ts';
import { hashToken, makeToken } from './adapters/pki/node-token.ts';
import type { Pki } from './adapters/pki/pki.ts';
import type { AddressBook } from './adapters/tunnels/address-book.ts';
import { NatGroups } from './adapters/tunnels/nat-groups.ts';
import { OpenVpnTunnels } from './adapters/tunnels/tunnels.ts';
import type { TunnelsSeen } from './core/index.ts';
import { instant, leaseId, nodeId, tokenId } from './core/index.ts';
import type { Config } from './config.ts';
import type { Loop } from './loop.ts';

/** The operator's first token: long, since nobody could make another without it. */
const operatorTokenMs = 400 * 24 * 3_600_000;

/** What enrolment needs of the data folder. */
interface Folder {
  readonly pki: Pki;
  readonly identity: NatsIdentity;
  readonly audit: AuditLog;
  /** undefined: nodes need no tunnel. */
  readonly overlay: Overlay | undefined;
  /** Where nodes connect from, for operators. */
  readonly addresses: AddressBook;
}

/** Whoever carries the bus. */
interface Bus {
  revokeUsers(publicKeys: readonly string[]): Promise<void>;
}

export function enrolment(
  { pki, identity, audit, overlay }: Folder,
  other: {
    readonly federation: string;
    readonly submit: Loop['submit'];
    readonly view: () => Loop['view'];
    readonly urls: { readonly nats: readonly string[]; readonly https: string };
  },
): Pick<ConstructorParameters<typeof HttpsServer>[0], 'enrol' | 'renew'> {
  const { federation, submit, view, urls } = other;
  const enroller = new Enroller({
    ...{ submit, audit, overlay, hashToken, federation },
    ...{ natsUrls: urls.nats, httpsUrl: urls.https },
    caPem: pki.caPem,
    tokenIdOf: (hash) => view().tokenByHash(hash)?.tokenId,
    nodeOf: (id) => view().node(id),
    isNodeAdmitted: nodeRules(view).isNodeAdmitted,
    issueNodeJwt: (node, key) => identity.issueNodeJwt(node, key),
  });
  return {
    enrol: (request) => enroller.enrol(request),
    renew: (request) => enroller.renew(request),
  };
}

/** What the blobs' port must know of a node. */
export function nodeRules(view: () => Loop['view']) {
  return {
    isNodeAdmitted: (id: string) => {
      const health = view().node(nodeId(id))?.health;
      return health !== undefined && health !== 'revoked' && health !== 'quarantined';
    },
    isLeaseOf: (id: string, lease: number) => view().lease(leaseId(lease))?.nodeId === id,
    siteRate: (id: string) => {
      const node = view().node(nodeId(id));
      const site = node === undefined ? undefined : view().site(node.siteId);
      if (site === undefined) return undefined;
      const { siteId, share, uplink } = site;
      return { siteId, downBps: share * uplink.downBps, upBps: share * uplink.upBps };
    },
  };
}

/** Shuts a node out of the overlay and the bus, durably; each of them, whatever becomes of the others. */
export function revoking(overlay: Overlay | undefined, bus: Bus): NodeLinkOptions['revoke'] {
  return async (id, publicKey) => {
    const ends = await Promise.allSettled([overlay?.revoke(id), bus.revokeUsers([publicKey])]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  };
}

/** The overlay admits the nodes that there are, and shuts out the others. */
export async function startOverlay(
  { overlay, addresses }: Pick<Folder, 'overlay' | 'addresses'>,
  loop: Loop,
  other: {
    readonly dataFolder: string;
    readonly seen: (command: TunnelsSeen) => void;
    readonly log: (event: string, fields: Record<string, unknown>) => void;
  },
): Promise<void> {
  if (overlay === undefined) return;
  const { dataFolder, seen, log } = other;
  const tunnels = new OpenVpnTunnels({
    servers: overlay.managementSockets,
    natGroups: NatGroups.open(dataFolder),
    addressBook: addresses,
    submit: (command) => {
      seen(command);
      loop.post(command);
    },
    isRevoked: (id) => loop.view.node(id)?.health === 'revoked',
    nowUnixMs: () => Date.now(),
    log,
  });
  await overlay.start(loop.view.nodes(), tunnels);
}

/** A crash may have come between a revocation on disk and its effect. */
export async function repeatRevocations(
  loop: Loop,
  { identity }: Pick<Folder, 'identity'>,
  bus: Bus,
): Promise<void> {
  const nodes = loop.view.nodes();
  const revoked = nodes.filter((node) => node.health === 'revoked');
  const missing = revoked
    .map((node) => node.natsPublicKey)
    .filter((key) => !identity.isRevoked(key));
  if (missing.length > 0) await bus.revokeUsers(missing);
}

export function letOperatorIn(
  config: Config,
  loop: Loop,
  { pki, endpoint }: { readonly pki: Pki; readonly endpoint: string },
): Promise<void> {
  return keepOperatorContext({
    ...{ dataFolder: config.dataFolder, name: config.federation, endpoint, caPem: pki.caPem },
    makeToken: () => makeToken(pki.caFingerprint),
    isKnown: (token) => loop.view.tokenByHash(hashToken(token)) !== undefined,
    addToken: async (token) => {
      await loop.submit({
        kind: 'createToken',
        tokenId: tokenId(`t${randomBytes(5).toString('hex')}`),
        hash: hashToken(token),
        ...{ role: 'operator', name: 'operator', siteId: null, uses: null },
        expiresAt: instant(loop.now() + operatorTokenMs),
      });
    },
  });
}

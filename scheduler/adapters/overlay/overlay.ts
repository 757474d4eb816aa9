// The overlay while the scheduler runs: lets nodes in with a certificate and an address, and shuts
// them out again. OpenVPN reads what is kept here; it needs no word of ours.

import type { Tunnel } from '../../../proto/gen/punnet/v1/agent.ts';
import type { NodeId } from '../../core/index.ts';
import { coreAddress, nodeAddress, serverAddress } from '../../core/index.ts';
import type { Tunnels } from '../../ports.ts';
import type { Authority } from '../pki/authority.ts';
import { CertificateRequestError, requestedKey } from '../pki/certificate-request.ts';
import { NodeCertificates } from '../pki/node-certificates.ts';
import { openTlsCryptKey } from '../pki/tls-crypt-key.ts';
import { serverName } from './openvpn-files.ts';
import type { Place } from './overlay-folder.ts';
import { OverlayFolder } from './overlay-folder.ts';

/** The list of revoked certificates is good for 180 days: it is never near its end. */
const listEveryMs = 24 * 3_600_000;

export interface OverlayOptions {
  /** `<data>/overlay`, made by `overlay init`. */
  readonly folder: string;
  readonly dataFolder: string;
  readonly authority: Authority;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export interface KnownNode {
  readonly nodeId: NodeId;
  readonly number: number;
  readonly slice: number | null;
  readonly health: string;
}

export class Overlay {
  readonly #folder: OverlayFolder;
  readonly #certificates: NodeCertificates;
  readonly #tlsCryptKey: string;
  readonly #log: OverlayOptions['log'];
  #written: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #tunnels: Tunnels | undefined;

  /** Throws a DataFolderError when the folder is no overlay, or something in it is damaged. */
  constructor({ folder, dataFolder, authority, log }: OverlayOptions) {
    this.#folder = OverlayFolder.open(folder);
    this.#certificates = NodeCertificates.open(dataFolder, authority);
    this.#tlsCryptKey = openTlsCryptKey(dataFolder);
    this.#log = log;
  }

  /** Where nodes reach the scheduler. */
  get coreAddress(): string {
    return coreAddress(this.#folder.plan.prefix);
  }

  /** A node's own; empty: it has no tunnel yet. */
  addressOf({ slice, number }: Pick<KnownNode, 'slice' | 'number'>): string {
    if (slice === null) return '';
    return nodeAddress(this.#folder.plan.prefix, { slice, nodeNumber: number });
  }

  /** Those that new nodes are put into. A server for lack of UDP is nobody's own, unless there are no others. */
  get slices(): readonly number[] {
    const { servers } = this.#folder.plan;
    const own = servers.filter(({ protocol }) => protocol === 'udp');
    return (own.length > 0 ? own : servers).map(({ slice }) => slice);
  }

  /** Where each OpenVPN server listens for the scheduler. */
  get managementSockets(): readonly { readonly slice: number; readonly socket: string }[] {
    return this.#folder.plan.servers.map((server) => {
      return { slice: server.slice, socket: this.#folder.managementSocket(server) };
    });
  }

  /**
   * Makes OpenVPN's files say what the journal says, keeps its list of revoked certificates fresh, and
   * watches the tunnels.
   */
  async start(nodes: readonly KnownNode[], tunnels: Tunnels): Promise<void> {
    const revoked = nodes.filter(({ health }) => health === 'revoked');
    this.#certificates.revoke(
      revoked.map(({ nodeId }) => nodeId),
      Date.now(),
    );
    const places = nodes.flatMap(({ nodeId, number: nodeNumber, slice, health }) =>
      slice === null || health === 'revoked' ? [] : [{ nodeId, nodeNumber, slice }],
    );
    this.#folder.reconcile(places);
    await this.#writeList();
    const failed = (error: unknown): void =>
      this.#log('the list of revoked certificates was not written', { error: String(error) });
    this.#timer = setInterval(() => void this.#writeList().catch(failed), listEveryMs);
    this.#tunnels = tunnels;
    tunnels.start();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tunnels?.stop();
    await this.#written;
  }

  /** Throws a CertificateRequestError for a bad request; nothing has changed then. */
  async check(request: Uint8Array): Promise<void> {
    await requestedKey(request);
  }

  /** Lets a node in. Throws a CertificateRequestError for a bad request. */
  async admit(place: Place, request: Uint8Array): Promise<Tunnel> {
    const certificatePem = await this.#certificates.issue(place.nodeId, request);
    // It may have been revoked while its certificate was made.
    if (this.#certificates.isRevoked(place.nodeId)) {
      throw new CertificateRequestError(
        `node ${place.nodeId} is revoked: ask the operator for a new token, and enrol it again in an empty folder`,
      );
    }
    this.#folder.admit(place);
    const { prefix } = this.#folder.plan;
    const { nodeNumber } = place;
    const servers = this.#folder.serversOf(place.slice).map(({ host, port, protocol, slice }) => ({
      ...{ host, port, isTcp: protocol === 'tcp' },
      address: nodeAddress(prefix, { slice, nodeNumber }),
      serverAddress: serverAddress(prefix, slice),
    }));
    return {
      ...{ certificatePem, tlsCryptKey: this.#tlsCryptKey },
      ...{ coreAddress: this.coreAddress, serverName, servers },
    };
  }

  /** Shuts a node out, durably: its tunnel has ended when this resolves, and can't come up again. */
  async revoke(nodeId: NodeId): Promise<void> {
    // Without its file OpenVPN lets it in no more; this needs no room on the disk.
    this.#folder.expel(nodeId);
    try {
      this.#certificates.revoke([nodeId], Date.now());
      await this.#writeList();
    } finally {
      // The last: its agent tries to come back at once.
      await this.#tunnels?.end(nodeId);
    }
  }

  /** One after another, so that an older list never overwrites a newer one. */
  #writeList(): Promise<void> {
    const written = this.#written.then(async () => {
      this.#folder.writeRevocationList(await this.#certificates.revocationList(Date.now()));
    });
    this.#written = written.catch(() => undefined);
    return written;
  }
}

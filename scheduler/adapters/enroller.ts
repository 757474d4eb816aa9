// Enrolment and renewal between HTTPS and the core: checks the message, makes the id, issues the
// credentials.

import { createHash, randomBytes } from 'node:crypto';
import { fromPublic } from '@nats-io/nkeys';
import type { EnrolRequest, RenewRequest, Tunnel } from '../../proto/gen/punnet/v1/agent.ts';
import { renewalText } from '../../proto/renewal.ts';
import type { Answer, EnrolNode, GiveSlice, NodeId, NodeSummary } from '../core/index.ts';
import { nodeId } from '../core/index.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Enrolment } from './https/https-server.ts';
import { toInventory } from './nats/wire.ts';
import type { Overlay } from './overlay/overlay.ts';
import { CertificateRequestError } from './pki/certificate-request.ts';

export interface EnrollerOptions {
  readonly audit: Pick<AuditLog, 'record'>;
  /** undefined: there is no such token, and whoever shows one is nobody to write about. */
  readonly tokenIdOf: (hash: string) => string | undefined;
  readonly submit: (command: EnrolNode | GiveSlice) => Promise<Answer>;
  readonly nodeOf: (nodeId: NodeId) => Pick<NodeSummary, 'natsPublicKey' | 'siteId'> | undefined;
  readonly isNodeAdmitted: (nodeId: string) => boolean;
  readonly issueNodeJwt: (nodeId: string, publicKey: string) => Promise<string>;
  readonly hashToken: (token: string) => string;
  /** undefined: nodes need no tunnel. */
  readonly overlay: Pick<Overlay, 'check' | 'admit' | 'slices'> | undefined;
  readonly caPem: string;
  readonly federation: string;
  readonly natsUrls: readonly string[];
  readonly httpsUrl: string;
}

type Refused = Extract<Enrolment, { kind: 'refused' }>;

interface Admitted {
  readonly nodeId: NodeId;
  readonly siteId: string;
  readonly natsPublicKey: string;
  readonly certificateRequest: Uint8Array;
}

export class Enroller {
  readonly #options: EnrollerOptions;

  constructor(options: EnrollerOptions) {
    this.#options = options;
  }

  async enrol(request: EnrolRequest): Promise<Enrolment> {
    const { certificateRequest } = request;
    const command = this.#toCommand(request);
    if (command.kind === 'refused') return command;
    // Before the token is used.
    const bad = await this.#refuseRequest(certificateRequest);
    if (bad !== null) return bad;
    const answer = await this.#options.submit(command);
    await this.#record(command, answer);
    if (answer.kind === 'refused') return answer;
    if (answer.kind !== 'node') throw new Error(`enrolment was answered with ${answer.kind}`);
    const { natsPublicKey } = command;
    return this.#credentials({ ...answer, natsPublicKey, certificateRequest });
  }

  /** For a node that shows by its own key who it is. */
  async renew(request: RenewRequest): Promise<Enrolment> {
    const { certificateRequest, signature } = request;
    const id = nodeId(request.nodeId);
    const node = this.#options.nodeOf(id);
    if (node === undefined || !isSigned(request, node.natsPublicKey, signature)) {
      const reason = `This federation has no node ${id} with this key: enrol this node again.`;
      return { kind: 'refused', code: 'not_found', reason, field: 'node_id' };
    }
    if (!this.#options.isNodeAdmitted(id)) {
      const reason = `Node ${id} was revoked or is quarantined: ask the operator for a new token, and enrol it again in an empty folder.`;
      return { kind: 'refused', code: 'failed_precondition', reason, field: 'node_id' };
    }
    const bad = await this.#refuseRequest(certificateRequest);
    return bad ?? this.#credentials({ ...node, nodeId: id, certificateRequest });
  }

  async #credentials(admitted: Admitted): Promise<Enrolment> {
    const { caPem, federation, natsUrls, httpsUrl } = this.#options;
    const tunnel = await this.#tunnel(admitted);
    if (tunnel !== undefined && 'kind' in tunnel) return tunnel;
    const { nodeId: id, siteId, natsPublicKey } = admitted;
    const natsJwt = await this.#options.issueNodeJwt(id, natsPublicKey);
    const response = { nodeId: id, siteId, federation, natsJwt, natsUrls: [...natsUrls] };
    return { kind: 'enrolled', response: { ...response, httpsUrl, caPem, tunnel } };
  }

  /** The core decides where a node has its address, and that a revoked one has none. */
  async #tunnel(admitted: Admitted): Promise<Tunnel | Refused | undefined> {
    const { overlay, submit } = this.#options;
    if (overlay === undefined) return undefined;
    const { nodeId: id, certificateRequest } = admitted;
    const place = await submit({ kind: 'giveSlice', nodeId: id, slices: overlay.slices });
    if (place.kind === 'refused') return place;
    if (place.kind !== 'place') throw new Error(`a slice was answered with ${place.kind}`);
    try {
      return await overlay.admit({ ...place, nodeId: id }, certificateRequest);
    } catch (error) {
      return refusedRequest(error);
    }
  }

  async #refuseRequest(request: Uint8Array): Promise<Refused | null> {
    try {
      await this.#options.overlay?.check(request);
      return null;
    } catch (error) {
      return refusedRequest(error);
    }
  }

  async #record({ tokenHash, name }: EnrolNode, answer: Answer): Promise<void> {
    const { audit, tokenIdOf } = this.#options;
    const known = tokenIdOf(tokenHash);
    if (known === undefined) return;
    await audit.record({
      ...{ unixMs: Date.now(), role: 'node', name, tokenId: known, action: 'EnrolNode' },
      target: answer.kind === 'node' ? `node ${answer.nodeId}` : '',
      outcome: answer.kind === 'refused' ? answer.code.toUpperCase() : 'done',
    });
  }

  #toCommand(request: EnrolRequest): EnrolNode | Refused {
    const refuse = (field: string, wanted: string): Refused => invalid(field, `wanted ${wanted}.`);
    const { token, natsPublicKey, inventory, name, requestId } = request;
    if (!/^U[A-Z2-7]{55}$/.test(natsPublicKey)) {
      return refuse('nats_public_key', 'a public user nkey (U and 55 letters or digits)');
    }
    if (requestId === '' || requestId.length > 63) {
      return refuse('request_id', 'one to 63 characters');
    }
    if (name === '' || name.length > 63) return refuse('name', 'one to 63 characters');
    if (inventory === undefined) return refuse('inventory', 'what the node is');
    try {
      return {
        kind: 'enrolNode',
        tokenHash: this.#options.hashToken(token),
        requestId,
        nodeId: nodeId(`n${randomBytes(5).toString('hex')}`),
        name,
        natsPublicKey,
        inventory: toInventory(inventory),
      };
    } catch (error) {
      return refuse('inventory', error instanceof Error ? error.message : String(error));
    }
  }
}

function invalid(field: string, what: string): Refused {
  return { kind: 'refused', code: 'invalid', reason: `${field}: ${what}`, field };
}

function refusedRequest(error: unknown): Refused {
  if (!(error instanceof CertificateRequestError)) throw error;
  return invalid('certificate_request', `${error.message}.`);
}

function isSigned(
  { nodeId: id, certificateRequest }: RenewRequest,
  publicKey: string,
  signature: Uint8Array,
): boolean {
  const digest = createHash('sha256').update(certificateRequest).digest('hex');
  try {
    return fromPublic(publicKey).verify(Buffer.from(renewalText(id, digest)), signature);
  } catch {
    // Not 64 bytes.
    return false;
  }
}

// Enrolment between HTTPS and the core: checks the message, makes the id, issues the credentials.

import { randomBytes } from 'node:crypto';
import type { EnrolRequest } from '../../proto/gen/punnet/v1/agent.ts';
import type { Answer, EnrolNode } from '../core/index.ts';
import { nodeId } from '../core/index.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Enrolment } from './https/https-server.ts';
import { toInventory } from './nats/wire.ts';

export interface EnrollerOptions {
  readonly audit: Pick<AuditLog, 'record'>;
  /** undefined: there is no such token, and whoever shows one is nobody to write about. */
  readonly tokenIdOf: (hash: string) => string | undefined;
  readonly submit: (command: EnrolNode) => Promise<Answer>;
  readonly issueNodeJwt: (nodeId: string, publicKey: string) => Promise<string>;
  readonly hashToken: (token: string) => string;
  readonly caPem: string;
  readonly federation: string;
  readonly natsUrls: readonly string[];
  readonly httpsUrl: string;
}

export class Enroller {
  readonly #options: EnrollerOptions;

  constructor(options: EnrollerOptions) {
    this.#options = options;
  }

  async enrol(request: EnrolRequest): Promise<Enrolment> {
    const command = this.#toCommand(request);
    if (command.kind === 'refused') return command;
    const answer = await this.#options.submit(command);
    await this.#record(command, answer);
    if (answer.kind === 'refused') return answer;
    if (answer.kind !== 'node') throw new Error(`enrolment was answered with ${answer.kind}`);
    const { caPem, federation, natsUrls, httpsUrl } = this.#options;
    const natsJwt = await this.#options.issueNodeJwt(answer.nodeId, command.natsPublicKey);
    const { nodeId: id, siteId } = answer;
    const response = { nodeId: id, siteId, federation, natsJwt, natsUrls: [...natsUrls] };
    return { kind: 'enrolled', response: { ...response, httpsUrl, caPem } };
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

  #toCommand(request: EnrolRequest): EnrolNode | Extract<Enrolment, { kind: 'refused' }> {
    const refuse = (field: string, wanted: string): Extract<Enrolment, { kind: 'refused' }> => ({
      kind: 'refused',
      code: 'invalid',
      reason: `${field}: wanted ${wanted}.`,
      field,
    });
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

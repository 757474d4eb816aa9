// A node without an agent: enrolled over HTTPS, and free to say on the bus whatever a test wants,
// as a broken or hostile agent could.

import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import { createUser } from '@nats-io/nkeys';
import type { KeyPair } from '@nats-io/nkeys';
import { connect, jwtAuthenticator } from 'nats';
import type { NatsConnection } from 'nats';
import { EnrolRequest, EnrolResponse, FromNode, ToNode } from '../../proto/gen/punnet/v1/agent.ts';
import { Inventory } from '../../proto/gen/punnet/v1/node.ts';
import { fromNodeSubject, toNodeSubject } from '../../proto/subjects.ts';

export interface LightKeys {
  readonly user: KeyPair;
  readonly requestId: string;
}

export interface Enrolled {
  readonly keys: LightKeys;
  readonly response: EnrolResponse;
}

const inventory = Inventory.create({
  ...{ architecture: 'x86_64', userland: 'amd64', model: 'light', slots: 1, speedGhz: 1 },
  ...{ memoryBytes: 1e9, diskBytes: 1e10, agentVersion: '0.1.0', nodeVersion: '20.0.0' },
});

/** Enrols; with the keys of an earlier call it is the same node that asks again. */
export async function enrolLight(options: {
  readonly url: string;
  readonly caPem: string;
  readonly token: string;
  readonly name: string;
  readonly keys?: LightKeys;
  readonly certificateRequest?: Buffer;
}): Promise<Enrolled> {
  const { url, caPem, token, name } = options;
  const keys = options.keys ?? { user: createUser(), requestId: randomUUID() };
  const body = EnrolRequest.encode({
    ...{ token, name, inventory, requestId: keys.requestId },
    certificateRequest: options.certificateRequest ?? Buffer.alloc(0),
    natsPublicKey: keys.user.getPublicKey(),
  }).finish();
  const answer = await post(`${url}/v1/enrol`, caPem, Buffer.from(body));
  return { keys, response: EnrolResponse.decode(answer) };
}

function post(url: string, ca: string, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', ca, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        if (answer.statusCode === 200) resolve(bytes);
        else reject(new Error(bytes.toString()));
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

interface Access {
  readonly servers: string[];
  readonly tls: { readonly ca: string };
  readonly natsJwt: string;
}

export class LightNode {
  readonly id: string;
  readonly connection: NatsConnection;
  /** What it was given to come to the bus. */
  readonly access: Access;
  readonly heard: ToNode[] = [];
  readonly #waiters = new Set<() => void>();
  #sequence = 0;

  private constructor(id: string, connection: NatsConnection, access: Access) {
    this.id = id;
    this.connection = connection;
    this.access = access;
    connection.subscribe(toNodeSubject(id), {
      callback: (error, message) => {
        if (error !== null) return;
        this.heard.push(ToNode.decode(message.data));
        for (const look of this.#waiters) look();
      },
    });
  }

  static async connect({ keys, response }: Enrolled): Promise<LightNode> {
    const { nodeId, natsJwt, natsUrls, caPem } = response;
    const connection = await connect({
      servers: natsUrls,
      authenticator: jwtAuthenticator(natsJwt, keys.user.getSeed()),
      tls: { ca: caPem },
      inboxPrefix: `_INBOX.${nodeId}`,
      reconnect: false,
    });
    const access = { servers: natsUrls, tls: { ca: caPem }, natsJwt };
    const node = new LightNode(nodeId, connection, access);
    await connection.flush();
    return node;
  }

  /** Says one message; what is not given is what a healthy node would say. */
  say(changes: Partial<FromNode> = {}): void {
    this.#sequence += 1;
    const message = FromNode.create({
      ...{ instanceNumber: 1, instanceId: 'light', sequence: this.#sequence },
      ...changes,
    });
    this.sayBytes(FromNode.encode(message).finish());
  }

  /** A report of a node that takes tasks, in so many slots. */
  report(changes: Partial<FromNode> = {}, held: readonly number[] = []): void {
    const status = {
      ...{ load: 0, memoryAvailableBytes: 1e9, diskAvailableBytes: 1e10, temperatureC: 40 },
      ...{ uplink: undefined, isAccepting: true, notAccepting: undefined, slots: 1 },
      refuses: [],
      month: undefined,
    };
    this.say({
      report: {
        status,
        inventory: undefined,
        held: [...held],
        releases: [],
        tellsReleases: false,
        kept: undefined,
      },
      ...changes,
    });
  }

  sayBytes(bytes: Uint8Array): void {
    this.connection.publish(fromNodeSubject(this.id), bytes);
  }

  /** The first message heard, past or to come, that is so. */
  hears(isSo: (message: ToNode) => boolean): Promise<ToNode> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.heard.find(isSo);
        if (found === undefined) return;
        this.#waiters.delete(look);
        resolve(found);
      };
      this.#waiters.add(look);
      look();
    });
  }
}

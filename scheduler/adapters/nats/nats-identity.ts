// Who may speak on the bus: an operator, a system account and Punnet's account with a scoped key,
// made at first start in `<data>/nats` (0600). A node's user is a JWT; its seed never comes here.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { newScopedSigner } from '@nats-io/jwt';
import { createAccount, createOperator, createUser } from '@nats-io/nkeys';
import type { KeyPair } from '@nats-io/nkeys';
import { z } from 'zod';
import { isSubjectToken, maxMessageBytes } from '../../../proto/subjects.ts';
import { DataFolderError, readIfThere, writeDurably } from '../durable-file.ts';
import { credentialDays } from '../pki/credential-days.ts';
import { quickPair } from './quick-pair.ts';

const stored = z.object({
  operator: z.string(),
  system: z.string(),
  account: z.string(),
  nodeRole: z.string(),
  scheduler: z.string(),
  systemUser: z.string(),
  /** Public key of a user → Unix seconds: what was issued before that is void. */
  revocations: z.record(z.string(), z.number()),
});
type Stored = z.infer<typeof stored>;
type KeyName = Exclude<keyof Stored, 'revocations'>;

/** An agent has one; a hostile one must not fill the server's memory. */
export const subscriptionsOfNode = 16;

const unlimited = {
  conn: -1,
  leaf: -1,
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
};

export class NatsIdentity {
  readonly #file: string;
  readonly #keys = new Map<KeyName, KeyPair>();
  #stored: Stored;

  private constructor(file: string, found: Stored) {
    this.#file = file;
    this.#stored = found;
  }

  /** Reads the keys in the data folder, or makes them. */
  static open(dataFolder: string): NatsIdentity {
    const folder = path.join(dataFolder, 'nats');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = path.join(folder, 'identity.json');
    const text = readIfThere(file);
    if (text !== null) return new NatsIdentity(file, parse(file, text));
    const seed = (make: () => KeyPair): string => new TextDecoder().decode(make().getSeed());
    const identity = new NatsIdentity(file, {
      operator: seed(createOperator),
      system: seed(createAccount),
      account: seed(createAccount),
      nodeRole: seed(createAccount),
      scheduler: seed(createUser),
      systemUser: seed(createUser),
      revocations: {},
    });
    identity.#save();
    return identity;
  }

  get systemPublicKey(): string {
    return this.#key('system').getPublicKey();
  }

  get accountPublicKey(): string {
    return this.#key('account').getPublicKey();
  }

  operatorJwt(): Promise<string> {
    const options = { system_account: this.systemPublicKey };
    return encodeOperator('punnet', this.#key('operator'), options);
  }

  systemJwt(): Promise<string> {
    const subject = '$SYS.ACCOUNT.*.DISCONNECT';
    const exports = [{ name: 'closed', subject, type: 'stream' as const }];
    const account = { limits: unlimited, exports };
    return encodeAccount('SYS', this.#key('system'), account, { signer: this.#key('operator') });
  }

  /** Where the scheduler hears of each connection that closed. */
  get closedSubject(): string {
    return `$SYS.ACCOUNT.${this.accountPublicKey}.DISCONNECT`;
  }

  /**
   * The account with its template for nodes and all revocations so far. It imports the news of its
   * closed connections: over one connection they come after what was said before the end.
   */
  accountJwt(): Promise<string> {
    const role = newScopedSigner(this.#key('nodeRole'), 'node', {
      pub: { allow: ['punnet.v1.node.{{name()}}.>'] },
      sub: { allow: ['punnet.v1.to.{{name()}}', '_INBOX.{{name()}}.>'] },
      subs: subscriptionsOfNode,
      payload: maxMessageBytes,
      allowed_connection_types: ['STANDARD'],
    });
    const { revocations } = this.#stored;
    const closed = { name: 'closed', subject: this.closedSubject, type: 'stream' as const };
    const imports = [{ ...closed, account: this.systemPublicKey }];
    return encodeAccount(
      'PUNNET',
      this.#key('account'),
      { limits: unlimited, signing_keys: [role], revocations, imports },
      { signer: this.#key('operator') },
    );
  }

  /** A node's user JWT, good as long as its certificate. Throws a RangeError for an id or a key that cannot be one. */
  issueNodeJwt(nodeId: string, publicKey: string): Promise<string> {
    if (!isSubjectToken(nodeId) || !/^U[A-Z2-7]{55}$/.test(publicKey)) {
      throw new RangeError(`node ${nodeId}: want a plain id and a public user nkey ("U…")`);
    }
    const exp = Math.floor(Date.now() / 1000) + 24 * 3_600 * credentialDays;
    const options = { signer: this.#key('nodeRole'), scopedUser: true, exp };
    return encodeUser(nodeId, publicKey, this.#key('account'), {}, options);
  }

  schedulerCredentials(): Promise<Uint8Array> {
    return this.#credentials('scheduler', 'account');
  }

  systemCredentials(): Promise<Uint8Array> {
    return this.#credentials('systemUser', 'system');
  }

  /** Remembers on disk that what was issued for these keys up to now is void. */
  revoke(publicKeys: readonly string[], nowUnixMs: number): void {
    const atUnixS = Math.ceil(nowUnixMs / 1000);
    const fresh = Object.fromEntries(publicKeys.map((key) => [key, atUnixS]));
    const revocations = { ...this.#stored.revocations, ...fresh };
    this.#stored = { ...this.#stored, revocations };
    this.#save();
  }

  isRevoked(publicKey: string): boolean {
    return publicKey in this.#stored.revocations;
  }

  async #credentials(user: 'scheduler' | 'systemUser', account: 'account' | 'system') {
    const key = this.#key(user);
    return fmtCreds(await encodeUser(user, key, this.#key(account), {}, {}), key);
  }

  #key(name: KeyName): KeyPair {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = quickPair(this.#stored[name]);
    this.#keys.set(name, key);
    return key;
  }

  #save(): void {
    writeDurably(this.#file, JSON.stringify(this.#stored));
  }
}

function parse(file: string, text: string): Stored {
  try {
    return stored.parse(JSON.parse(text));
  } catch {
    throw new DataFolderError(
      `${file} is damaged: restore it from a backup; without these keys every node must enrol again`,
    );
  }
}

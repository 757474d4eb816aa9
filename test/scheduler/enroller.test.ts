// Credentials for nodes that enrol and renew, with the core, the overlay's folder and the keys as they
// are: who gets them, who does not, and that a refusal changes nothing.

import { X509Certificate, createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import type { KeyPair } from '@nats-io/nkeys';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  certificateRequest,
  makeTunnelKey,
} from '../../agent/adapters/overlay/certificate-request.ts';
import type { EnrolResponse } from '../../proto/gen/punnet/v1/agent.ts';
import { Inventory } from '../../proto/gen/punnet/v1/node.ts';
import { renewalText } from '../../proto/renewal.ts';
import { Enroller } from '../../scheduler/adapters/enroller.ts';
import type { Enrolment } from '../../scheduler/adapters/https/https-server.ts';
import { NatsIdentity } from '../../scheduler/adapters/nats/nats-identity.ts';
import { initOverlay } from '../../scheduler/adapters/overlay/init-overlay.ts';
import { Overlay } from '../../scheduler/adapters/overlay/overlay.ts';
import { openAuthority } from '../../scheduler/adapters/pki/authority.ts';
import { nodeId } from '../../scheduler/core/index.ts';
import { CoreHarness } from './core/harness.ts';

const inventory = Inventory.create({
  ...{ architecture: 'armv7l', userland: 'armhf', model: 'Pi 3', slots: 4, speedGhz: 1.2 },
  ...{ memoryBytes: 1e9, diskBytes: 1e10, agentVersion: '0.1.0', nodeVersion: '18.20.0' },
});
const csr = certificateRequest(makeTunnelKey());

let data: string;
let core: CoreHarness;
let overlay: Overlay;
let enroller: Enroller;

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'punnet-enroller-'));
  const servers = ['main=vpn.example.org:1194', 'tcp=vpn.example.org:443/tcp'];
  const { folder } = await initOverlay({
    dataFolder: data,
    prefix: 'fd00::/48',
    servers,
    httpsPort: 8443,
    probePort: 0,
  });
  const authority = await openAuthority(data);
  overlay = new Overlay({ folder, dataFolder: data, authority, log: () => undefined });
  core = new CoreHarness();
  core.token('token', { uses: 2 });
  const identity = NatsIdentity.open(data);
  enroller = new Enroller({
    audit: { record: () => Promise.resolve() },
    tokenIdOf: () => undefined,
    submit: (command) => Promise.resolve(core.give(command).answer),
    nodeOf: (id) => core.view.node(id),
    isNodeAdmitted: (id) => !['revoked', 'quarantined'].includes(healthOf(id)),
    issueNodeJwt: (id, key) => identity.issueNodeJwt(id, key),
    hashToken: (token) => `hash of ${token}`,
    ...{ overlay, caPem: 'a CA', federation: 'berries', natsUrls: [], httpsUrl: 'https://h' },
  });
});
afterEach(() => rmSync(data, { recursive: true }));

function healthOf(id: string): string {
  return core.view.node(nodeId(id))?.health ?? '';
}

function enrol(user: KeyPair, request: Buffer = csr): Promise<Enrolment> {
  const ids = { token: 'token', name: 'pi', requestId: `of ${user.getPublicKey().slice(0, 20)}` };
  const natsPublicKey = user.getPublicKey();
  return enroller.enrol({ ...ids, natsPublicKey, inventory, certificateRequest: request });
}

interface Asking {
  readonly id: string;
  readonly by: KeyPair;
  readonly request?: Buffer;
  readonly signed?: string;
}

function renew({ id, by, request = csr, signed }: Asking): Promise<Enrolment> {
  const text = signed ?? renewalText(id, createHash('sha256').update(request).digest('hex'));
  const signature = Buffer.from(by.sign(Buffer.from(text)));
  return enroller.renew({ nodeId: id, certificateRequest: request, signature });
}

async function enrolled(answer: Promise<Enrolment>): Promise<EnrolResponse> {
  const found = await answer;
  if (found.kind === 'refused') throw new Error(found.reason);
  return found.response;
}

function clients(server = 'main'): readonly string[] {
  return readdirSync(join(data, 'overlay', server, 'ccd'));
}

function issued(): string {
  return readFileSync(join(data, 'pki/issued.log'), 'utf8');
}

describe('a node that enrols', () => {
  test('gets a certificate of its id, an address of its number, and a JWT of two years', async () => {
    const { nodeId: id, natsJwt, tunnel } = await enrolled(enrol(createUser()));
    const certificate = new X509Certificate(tunnel?.certificatePem ?? '');
    expect(certificate.subject).toBe(`CN=${id}`);
    expect(tunnel?.servers.map(({ port, isTcp, address }) => [port, isTcp, address])).toEqual([
      [1194, false, 'fd00:0:0:1::10'],
      [443, true, 'fd00:0:0:2::10'],
    ]);
    expect([clients('main'), clients('tcp')]).toEqual([[id], [id]]);
    // The scheduler made it.
    const claims = JSON.parse(
      Buffer.from(natsJwt.split('.')[1] ?? '', 'base64url').toString(),
    ) as Record<'iat' | 'exp', number>;
    const seconds = Date.parse(certificate.validTo) / 1_000 - claims.exp;
    expect(Math.abs(seconds)).toBeLessThan(60);
    expect(claims.exp - claims.iat).toBe(730 * 24 * 3_600);
  });

  test('and asks again is the same node at the same address, whose token is used once', async () => {
    const user = createUser();
    const first = await enrolled(enrol(user));
    const again = await enrolled(enrol(user));
    expect(again.nodeId).toBe(first.nodeId);
    expect(again.tunnel?.servers).toEqual(first.tunnel?.servers);
    const other = await enrolled(enrol(createUser()));
    expect(other.tunnel?.servers[0]?.address).toBe('fd00:0:0:1::11');
    expect(await enrol(createUser())).toMatchObject({ code: 'token_used_up' });
  });

  test('without a request for a certificate is refused, and its token is not used', async () => {
    for (const request of [Buffer.alloc(0), Buffer.from('no request')]) {
      expect(await enrol(createUser(), request)).toMatchObject({
        ...{ kind: 'refused', code: 'invalid', field: 'certificate_request' },
        reason: expect.stringContaining('wanted a certificate request (PKCS #10') as string,
      });
    }
    expect(core.view.nodes()).toEqual([]);
    for (const _ of [1, 2]) await enrolled(enrol(createUser()));
  });
});

describe('a node that renews', () => {
  let user: KeyPair;
  let id: string;
  beforeEach(async () => {
    user = createUser();
    ({ nodeId: id } = await enrolled(enrol(user)));
  });

  test('with its own key gets a new certificate, of a new key if it likes, at its address', async () => {
    const request = certificateRequest(makeTunnelKey());
    const { nodeId: same, tunnel } = await enrolled(renew({ id, by: user, request }));
    expect(same).toBe(id);
    expect(tunnel?.servers[0]?.address).toBe('fd00:0:0:1::10');
    expect(new X509Certificate(tunnel?.certificatePem ?? '').subject).toBe(`CN=${id}`);
    expect(issued().trim().split('\n')).toHaveLength(2);
  });

  test('gets nothing when it can not show that it is the one', async () => {
    const other = createUser();
    const { nodeId: otherId } = await enrolled(enrol(other));
    const before = issued();
    const request = certificateRequest(makeTunnelKey());
    const old = renewalText(id, createHash('sha256').update(csr).digest('hex'));
    const asked: readonly Asking[] = [
      { id: 'nobody', by: user },
      { id: otherId, by: user },
      { id, by: other },
      { id, by: user, signed: '' },
      // What it once signed for another request, heard by somebody.
      { id, by: user, request, signed: old },
    ];
    for (const each of asked) {
      expect(await renew(each)).toMatchObject({
        ...{ kind: 'refused', code: 'not_found', field: 'node_id' },
        reason: expect.stringMatching(
          /has no node \w+ with this key: enrol this node again/,
        ) as string,
      });
    }
    const bare = { nodeId: id, certificateRequest: csr, signature: Buffer.from('short') };
    expect(await enroller.renew(bare)).toMatchObject({ kind: 'refused', code: 'not_found' });
    expect(issued()).toBe(before);
  });

  test('gets nothing for a bad request, nor once it was revoked', async () => {
    const before = issued();
    const bad = await renew({ id, by: user, request: Buffer.from('no request') });
    expect(bad).toMatchObject({ code: 'invalid', field: 'certificate_request' });
    core.give({ kind: 'revokeNode', nodeId: nodeId(id) });
    await overlay.revoke(nodeId(id));
    expect(await renew({ id, by: user })).toMatchObject({
      ...{ code: 'failed_precondition', field: 'node_id' },
      reason: expect.stringContaining('ask the operator for a new token') as string,
    });
    expect(issued().startsWith(before)).toBe(true);
    expect(clients()).toEqual([]);
  });
});

test('a node that is revoked while it is being let in stays out, whichever comes first', async () => {
  const place = { nodeId: nodeId('n1'), nodeNumber: 0, slice: 1 };
  const letIn = (): Promise<unknown> => overlay.admit(place, csr).catch((error: unknown) => error);
  await Promise.all([letIn(), overlay.revoke(place.nodeId)]);
  expect(clients()).toEqual([]);
  expect(String(await letIn())).toContain('n1 is revoked');
  expect(clients()).toEqual([]);
});

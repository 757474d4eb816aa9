// The HTTPS port: blobs for those who may, whole or not at all, and enrolment that can't be flooded.

import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { askOwnAddress } from '../../../agent/adapters/internet/own-address.ts';
import { metadataGetter } from '../../../agent/adapters/releases/fetch-metadata.ts';
import { EnrolRequest, EnrolResponse } from '../../../proto/gen/punnet/v1/agent.ts';
import { CapabilitySigner } from '../../../scheduler/adapters/blobs/capability.ts';
import type { Enrolment } from '../../../scheduler/adapters/https/https-server.ts';
import type { Answer } from './https-rig.ts';
import { decodeIndex } from '../../../proto/chunks.ts';
import { HttpsRig, hashOf, releaseFiles } from './https-rig.ts';

let rig: HttpsRig;
let nowMs = 1_000;
let enrolment: Enrolment;
let isAdmitted = true;
let leases: readonly number[] = [];

beforeAll(async () => {
  rig = await HttpsRig.start({
    now: () => nowMs,
    enrol: () => Promise.resolve(enrolment),
    isNodeAdmitted: (id) => isAdmitted && id === 'pi',
    isLeaseOf: (id, lease) => id === 'pi' && leases.includes(lease),
  });
});
beforeEach(() => {
  isAdmitted = true;
});
afterAll(() => rig.stop());

function reason({ status, body }: Answer): readonly [number, string] {
  const { reason: text } = JSON.parse(body.toString()) as { readonly reason: string };
  return [status, text];
}

const bytes = Buffer.from('what a node may read');
const sha256 = hashOf(bytes);
const path = `/v1/blob/${sha256}`;
beforeAll(() => rig.blobs.put(Readable.from([bytes]), sha256, bytes.length));

describe('GET of less than a blob', () => {
  test.each([
    ['bytes=5-8', 5, 9],
    ['bytes=0-0', 0, 1],
    ['bytes=19-19', 19, 20],
    ['bytes=10-999', 10, 20],
  ])('of %s: the bytes from %d to %d', async (range, start, end) => {
    const get = { method: 'GET', path, capability: rig.mayGet(sha256), headers: { range } };
    const answer = await rig.ask(get);
    expect(answer).toMatchObject({ status: 206, body: bytes.subarray(start, end) });
    expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${bytes.length}`);
  });

  test('its index, by the same right', async () => {
    const get = { method: 'GET', path: `/v1/index/${sha256}`, capability: rig.mayGet(sha256) };
    const { status, body } = await rig.ask(get);
    expect(status).toBe(200);
    expect(decodeIndex(body)).toMatchObject({ chunks: [{ sha256, lengthBytes: bytes.length }] });
    const other = { ...get, capability: rig.mayGet(hashOf(Buffer.from('another'))) };
    expect(reason(await rig.ask(other))[0]).toBe(403);
    const missing = hashOf(Buffer.from('not here'));
    const none = { ...get, path: `/v1/index/${missing}`, capability: rig.mayGet(missing) };
    expect(reason(await rig.ask(none))).toEqual([404, `There is no index of blob ${missing}.`]);
  });
});

describe('GET', () => {
  test('the whole blob, or the rest of it', async () => {
    const get = { method: 'GET', path, capability: rig.mayGet(sha256) };
    expect(await rig.ask(get)).toMatchObject({ status: 200, body: bytes });
    const rest = await rig.ask({ ...get, headers: { range: 'bytes=5-' } });
    expect(rest).toMatchObject({ status: 206, body: bytes.subarray(5) });
    expect(rest.headers['content-range']).toBe(`bytes 5-${bytes.length - 1}/${bytes.length}`);
    const head = await rig.ask({ ...get, method: 'HEAD' });
    expect(head.headers['content-length']).toBe(String(bytes.length));
    expect(head.body).toHaveLength(0);
  });

  test.each(['bytes=20-', 'bytes=-5', 'bytes=6-5', 'bytes=5-,7-', 'bytes=-', 'lines=1-'])(
    'the range %s is refused',
    async (range) => {
      const get = { method: 'GET', path, capability: rig.mayGet(sha256), headers: { range } };
      expect(reason(await rig.ask(get))[0]).toBe(416);
    },
  );

  const stranger = new CapabilitySigner(Buffer.alloc(32, 8));
  const right = { kind: 'get', nodeId: 'pi', sha256, expiresUnixMs: 2_000 } as const;
  test.each<readonly [string, () => string, number]>([
    ['no capability', () => '', 401],
    ['nonsense', () => 'a.b', 401],
    ['one that another scheduler signed', () => stranger.sign(right), 401],
    ['one with another blob in it', () => forged(rig.mayGet('0'.repeat(64))), 401],
    ['an expired one', () => rig.mayGet(sha256, { expiresUnixMs: 1_000 }), 401],
    ['one for another blob', () => rig.mayGet('0'.repeat(64)), 403],
    ['one for sending', () => rig.mayPut(1_000), 403],
    ['one of an unknown node', () => rig.mayGet(sha256, { nodeId: 'nobody' }), 403],
  ])('%s is refused', async (_, capability, status) => {
    const answer = await rig.ask({ method: 'GET', path, capability: capability() });
    expect(reason(answer)[0]).toBe(status);
    expect(answer.body.includes(bytes)).toBe(false);
  });

  function forged(capability: string): string {
    const [payload = '', mac = ''] = capability.split('.');
    const text = Buffer.from(payload, 'base64url').toString().replace('0'.repeat(64), sha256);
    return `${Buffer.from(text).toString('base64url')}.${mac}`;
  }

  test('a node that was revoked or quarantined is refused', async () => {
    isAdmitted = false;
    const answer = await rig.ask({ method: 'GET', path, capability: rig.mayGet(sha256) });
    expect(reason(answer)).toEqual([403, 'This node was revoked or is quarantined.']);
  });

  test('a blob that is not here is named', async () => {
    const other = 'f'.repeat(64);
    const get = { method: 'GET', path: `/v1/blob/${other}`, capability: rig.mayGet(other) };
    expect(reason(await rig.ask(get))).toEqual([404, `There is no blob ${other}.`]);
  });
});

describe('PUT', () => {
  const bytes = Buffer.alloc(300_000, 'result ');
  const sha256 = hashOf(bytes);
  const put = { method: 'PUT', path: `/v1/blob/${sha256}`, body: bytes };

  test('an upload that is cut in the middle leaves nothing; sent again it is there', async () => {
    const capability = rig.mayPut(bytes.length);
    await expect(rig.ask({ ...put, capability, cutAfter: 100_000 })).rejects.toThrow('hung up');
    expect(await rig.blobs.size(sha256)).toBeUndefined();
    expect(await rig.ask({ ...put, capability })).toMatchObject({ status: 201 });
    expect((await rig.blobs.readBytes(sha256, 1e6)).equals(bytes)).toBe(true);
    expect(await rig.ask({ ...put, capability })).toMatchObject({ status: 201 });
    expect(rig.unfinished()).toEqual([]);
  });

  test('a right that names its lease ends with it: what comes later is not stored', async () => {
    const other = Buffer.alloc(2_000, 'log');
    const ask = { method: 'PUT', path: `/v1/blob/${hashOf(other)}`, body: other };
    const capability = rig.mayPut(other.length, { leaseId: 7 });
    leases = [8];
    expect(await rig.ask({ ...ask, capability })).toMatchObject({ status: 201 });
    expect(await rig.blobs.size(hashOf(other))).toBeUndefined();
    leases = [7];
    expect(await rig.ask({ ...ask, capability })).toMatchObject({ status: 201 });
    expect(await rig.blobs.size(hashOf(other))).toBe(other.length);
  });

  test('bytes with another hash are refused and not kept', async () => {
    const wrong = 'e'.repeat(64);
    const capability = rig.mayPut(bytes.length);
    const answer = await rig.ask({ ...put, path: `/v1/blob/${wrong}`, capability });
    expect(reason(answer)).toEqual([
      422,
      `blob ${wrong}: the bytes hash to ${sha256}; send it again`,
    ]);
    expect(await rig.blobs.size(wrong)).toBeUndefined();
    expect(rig.unfinished()).toEqual([]);
  });

  test('as many bytes as the lease allows go, one more does not', async () => {
    const small = Buffer.from('small');
    const path = `/v1/blob/${hashOf(small)}`;
    const ask = { method: 'PUT', path, body: small };
    const refused = await rig.ask({ ...ask, capability: rig.mayPut(4) });
    expect(reason(refused)).toEqual([413, 'This lease may send blobs of at most 4 bytes, not 5.']);
    expect(await rig.ask({ ...ask, capability: rig.mayPut(5) })).toMatchObject({ status: 201 });
  });

  test('a large upload that is refused is told why before the line closes', async () => {
    const large = Buffer.alloc(20_000_000);
    const ask = { method: 'PUT', path: `/v1/blob/${hashOf(large)}`, body: large };
    const answer = await rig.ask({ ...ask, capability: rig.mayPut(1_000) });
    expect(reason(answer)[0]).toBe(413);
  });

  test('a body of unknown length, the right to read, or none at all are refused', async () => {
    const capability = rig.mayPut(bytes.length);
    expect(reason(await rig.ask({ ...put, capability, isChunked: true }))[0]).toBe(411);
    expect(reason(await rig.ask({ ...put, capability: rig.mayGet(sha256) }))[0]).toBe(403);
    expect(reason(await rig.ask(put))[0]).toBe(401);
  });
});

describe('enrolment', () => {
  const refusal: Enrolment = {
    kind: 'refused',
    code: 'token_unknown',
    reason: 'No.',
    field: 'token',
  };
  const enrol = (body: Uint8Array): Promise<Answer> =>
    rig.ask({ method: 'POST', path: '/v1/enrol', body });
  const body = EnrolRequest.encode(EnrolRequest.create({ token: 'pnt' })).finish();

  test('an answer, a refusal, and bytes that are no request', async () => {
    const response = EnrolResponse.create({ nodeId: 'pi' });
    enrolment = { kind: 'enrolled', response };
    const answer = await enrol(body);
    expect(EnrolResponse.decode(answer.body)).toEqual(response);
    enrolment = refusal;
    expect(reason(await enrol(body))).toEqual([403, 'No.']);
    expect(reason(await enrol(Buffer.from('ffff')))).toEqual([
      400,
      'These bytes are no EnrolRequest.',
    ]);
  });

  test('who asks before sending (Expect: 100-continue) is told to go on', async () => {
    enrolment = { kind: 'enrolled', response: EnrolResponse.create({ nodeId: 'pi' }) };
    const headers = { expect: '100-continue' };
    const answer = await rig.ask({ method: 'POST', path: '/v1/enrol', body, headers });
    expect([answer.status, EnrolResponse.decode(answer.body).nodeId]).toEqual([200, 'pi']);
  });

  test('64 KiB is a request, one byte more is not', async () => {
    const sized = (size: number): Uint8Array => {
      const token = 'x'.repeat(size - 4);
      const bytes = EnrolRequest.encode(EnrolRequest.create({ token })).finish();
      expect(bytes).toHaveLength(size);
      return bytes;
    };
    enrolment = { kind: 'enrolled', response: EnrolResponse.create() };
    expect((await enrol(sized(65_536))).status).toBe(200);
    expect(reason(await enrol(sized(65_537)))).toEqual([
      413,
      'Enrolment takes at most 65536 bytes.',
    ]);
  });

  test('whoever guesses tokens waits a minute after twenty refusals', async () => {
    nowMs += 60_000;
    enrolment = refusal;
    for (let tries = 0; tries < 20; tries += 1) expect((await enrol(body)).status).toBe(403);
    expect(reason(await enrol(body))).toEqual([429, 'Too many refused enrolments: wait a minute.']);
    nowMs += 60_000;
    expect((await enrol(body)).status).toBe(403);
  });
});

test.each([
  ['GET', '/', 404],
  ['GET', '/v1/blob/../../etc/passwd', 404],
  ['DELETE', `/v1/blob/${'a'.repeat(64)}`, 405],
  ['GET', '/healthz', 200],
  ['GET', '/v1/address', 200],
  ['GET', '/ca.pem', 200],
  ['HEAD', '/ca.pem', 200],
  ['PUT', '/ca.pem', 404],
])('%s %s is answered with %i', async (method, path, status) => {
  expect((await rig.ask({ method, path })).status).toBe(status);
});

test('who asks where it is seen is told', async () => {
  const url = `https://localhost:${rig.port}`;
  expect(await askOwnAddress(url, rig.caPem)).toBe('127.0.0.1');
  // One of before knows nothing of it.
  await expect(askOwnAddress(`${url}/of-before`, rig.caPem)).rejects.toThrow('HTTP status 404');
});

test.each([
  ['both', { 4: '127.0.0.1', 6: '::1' }, '127.0.0.1', [4]],
  // Here an address of IPv4 in the clothes of IPv6, as the rig serves none.
  ['IPv6 alone', { 6: '::ffff:127.0.0.1' }, '127.0.0.1', [4, 0]],
])('by IPv4 where the federation has it: %s', async (_, addresses, expected, wanted) => {
  const asked: unknown[] = [];
  const found: Partial<Record<4 | 6, string>> = addresses;
  const lookup: LookupFunction = (_host, { family, all }, done) => {
    asked.push(family ?? 0);
    const here = ([4, 6] as const)
      .filter((each) => found[each] !== undefined && (family === each || !family))
      .map((each) => ({ address: found[each] ?? '', family: each }));
    const [first] = here.toReversed();
    const none = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    if (first === undefined) return done(none, []);
    if (all) done(null, here.toReversed());
    else done(null, first.address, first.family);
  };
  const url = `https://localhost:${rig.port}`;
  expect(await askOwnAddress(url, rig.caPem, lookup)).toBe(expected);
  expect(asked).toEqual(wanted);
});

describe('metadata of releases', () => {
  beforeAll(() => {
    releaseFiles.set('timestamp.json', Buffer.from('{"signed":1}'));
    releaseFiles.set('1.root.json', Buffer.alloc(1_001, ' '));
  });
  const get = (name: string, maxBytes = 1_000): Promise<Buffer | null> =>
    metadataGetter({ url: `https://localhost:${rig.port}`, ca: rig.caPem })(name, maxBytes);

  test('are for everybody, as a node asks for them', async () => {
    expect(String(await get('timestamp.json'))).toBe('{"signed":1}');
    expect(await get('2.root.json')).toBeNull();
    expect(await get('1.root.json', 1_001)).toHaveLength(1_001);
  });

  test('are not read by a node beyond what they may have', async () => {
    await expect(get('1.root.json')).rejects.toMatchObject({
      code: 'oversize',
      message: expect.stringContaining('1.root.json: wanted at most 1000 bytes, found more.'),
    });
  });

  test.each(['../online.key', '..%2fonline.key', 'a/b', ''])('no other file: %s', async (name) => {
    const answer = await rig.ask({ method: 'GET', path: `/v1/releases/${name}` });
    expect(answer.status).toBe(404);
  });

  test('cannot be fetched where nobody answers: told as what may pass', async () => {
    const nobody = metadataGetter({ url: 'https://127.0.0.1:1', ca: rig.caPem });
    await expect(nobody('timestamp.json', 10)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

// Blobs between a node and the scheduler's real HTTPS port: believed by hash, resumed after a cut,
// fetched once for all who wait, never sent twice, within the owner's share of the uplink.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BlobClient } from '../../../agent/adapters/blobs/blob-client.ts';
import { Cache } from '../../../agent/adapters/blobs/cache.ts';
import type { Rate } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import type { BlobGrant } from '../../../agent/core/index.ts';
import { decodeIndex, indexedBytes } from '../../../proto/chunks.ts';
import { HttpsRig, hashOf } from '../../scheduler/https/https-rig.ts';
import { SmallDisk, diskOf } from '../../scheduler/small-disk.ts';
import { Relay } from './relay.ts';

let rig: HttpsRig;
let relay: Relay;
let folder = '';
let client: BlobClient;
/** As the owner is told. */
let carriedBytes = 0;
let rate: Rate | null = null;
const bytes = randomBytes(300_000);
let grant: BlobGrant;
const never = new AbortController().signal;

beforeAll(async () => {
  rig = await HttpsRig.start({
    now: () => 1_000,
    enrol: () => Promise.reject(new Error('nobody enrols here')),
    isNodeAdmitted: () => true,
    isLeaseOf: () => true,
  });
  relay = await Relay.start(rig.port);
  await rig.blobs.put(Readable.from([bytes]), hashOf(bytes), bytes.length);
  grant = { ...refTo(bytes), capability: rig.mayGet(hashOf(bytes)) };
});
afterAll(async () => {
  relay.stop();
  await rig.stop();
});
beforeEach(async () => {
  rate = null;
  folder = mkdtempSync(join(tmpdir(), 'punnet-blobs-'));
  client = newClient();
  await client.start();
  relay.reset();
});
afterEach(() => {
  client.stop();
  rmSync(folder, { recursive: true });
});

function newClient(): BlobClient {
  return new BlobClient({ ...optionsOf(), folder });
}

function optionsOf() {
  const onBytes = (count: number): void => void (carriedBytes += count);
  return { url: `https://localhost:${relay.port}`, ca: rig.caPem, rateOf: () => rate, onBytes };
}

function refTo(content: Buffer): { readonly sha256: string; readonly sizeBytes: number } {
  return { sha256: hashOf(content), sizeBytes: content.length };
}

describe('a fetch', () => {
  test('brings the bytes once', async () => {
    expect(await client.missingBytes([grant])).toBe(bytes.length);
    const file = await client.fetch(grant, never);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(await client.missingBytes([grant])).toBe(0);
    relay.reset();
    await client.fetch(grant, never);
    expect(relay.bytesDown).toBe(0);
  });

  test('that was cut goes on where it was', async () => {
    relay.cutAfterBytes = 200_000;
    await expect(client.fetch(grant, never)).rejects.toMatchObject({ isFinal: false });
    relay.reset();
    expect(readFileSync(await client.fetch(grant, never)).equals(bytes)).toBe(true);
    expect(relay.bytesDown).toBeLessThan(200_000);
  });

  test('that went wrong before begins anew: only the hash is believed', async () => {
    writeFileSync(join(folder, `${grant.sha256}.part`), randomBytes(100_000));
    await expect(client.fetch(grant, never)).rejects.toThrow(/another hash/);
    expect(readFileSync(await client.fetch(grant, never)).equals(bytes)).toBe(true);
  });

  test.each<readonly [string, () => BlobGrant, boolean]>([
    [
      'of what is not there is of no use again',
      () => {
        const sha256 = hashOf(Buffer.from('nothing'));
        return { sha256, sizeBytes: 7, capability: rig.mayGet(sha256) };
      },
      true,
    ],
    [
      'with an expired capability may get a new one',
      () => ({ ...grant, capability: rig.mayGet(grant.sha256, { expiresUnixMs: 1_000 }) }),
      false,
    ],
    ['of more bytes than promised is refused', () => ({ ...grant, sizeBytes: 1_000 }), false],
  ])('%s', async (_name, wanted, isFinal) => {
    await expect(client.fetch(wanted(), never)).rejects.toMatchObject({ isFinal });
  });

  test('is done once for all who wait, and ends when nobody does', async () => {
    rate = { downBps: 800_000, upBps: 800_000 };
    const [first, second] = [new AbortController(), new AbortController()];
    const fetches = [client.fetch(grant, first.signal), client.fetch(grant, second.signal)];
    first.abort();
    await expect(fetches[0]).rejects.toMatchObject({ name: 'AbortError' });
    expect(client.underWay.size).toBe(1);
    second.abort();
    await expect(fetches[1]).rejects.toMatchObject({ name: 'AbortError' });
    rate = null;
    expect(readFileSync(await client.fetch(grant, never)).equals(bytes)).toBe(true);
    expect(relay.bytesDown).toBeLessThan(2 * bytes.length);
  });

  test("keeps to the owner's share of the uplink", async () => {
    // All but the first 64 KiB wait for their turn: over a second at this rate.
    rate = { downBps: 1_600_000, upBps: 1_600_000 };
    const startedMs = performance.now();
    await client.fetch(grant, never);
    expect(performance.now() - startedMs).toBeGreaterThan(1_000);
  });
});

test('a fetch of what flipped on the card while no agent ran brings it again', async () => {
  const file = await client.fetch(grant, never);
  const damaged = Buffer.from(bytes);
  damaged[200_000] = (damaged[200_000] ?? 0) ^ 1;
  writeFileSync(file, damaged);
  client.stop();
  client = newClient();
  expect(readFileSync(await client.fetch(grant, never)).equals(bytes)).toBe(true);
  relay.reset();
  await client.fetch(grant, never);
  expect(relay.bytesDown).toBe(0);
});

describe('an upload', () => {
  const result = randomBytes(250_000);
  const file = (): string => join(folder, 'result');
  beforeEach(() => writeFileSync(file(), result));
  const upload = (signal: AbortSignal): Promise<void> =>
    client.upload(refTo(result), file(), { capability: rig.mayPut(1_000_000), signal });

  test('that its lease no longer wants ends', async () => {
    rate = { downBps: 800_000, upBps: 800_000 };
    const wanted = new AbortController();
    const sending = upload(wanted.signal);
    wanted.abort();
    await expect(sending).rejects.toThrow();
    expect(await rig.blobs.size(hashOf(result))).toBeUndefined();
  });

  test('arrives; again, no byte of it moves', async () => {
    await upload(never);
    expect(await rig.blobs.size(hashOf(result))).toBe(result.length);
    expect(relay.bytesUp).toBeGreaterThan(result.length);
    relay.reset();
    await upload(never);
    await upload(never);
    client.stop();
    await relay.closed();
    expect(relay.bytesUp).toBeLessThan(10_000);
  });

  test('that was cut goes on where the scheduler has it', async () => {
    // More than sockets hold: some of it has arrived when the line is cut.
    const large = randomBytes(24_000_000);
    writeFileSync(file(), large);
    const send = (): Promise<void> =>
      client.upload(refTo(large), file(), { capability: rig.mayPut(large.length), signal: never });
    relay.cutAfterBytesUp = 20_000_000;
    await expect(send()).rejects.toMatchObject({ isFinal: false });
    await relay.closed();
    relay.reset();
    await send();
    expect(await rig.blobs.size(hashOf(large))).toBe(large.length);
    expect(relay.bytesUp).toBeLessThan(large.length);
  });

  test('of more than the lease may is refused before it is sent', async () => {
    const capability = rig.mayPut(1_000);
    const other = randomBytes(250_000);
    writeFileSync(file(), other);
    const sending = client.upload(refTo(other), file(), { capability, signal: never });
    await expect(sending).rejects.toMatchObject({ isFinal: true });
    client.stop();
    await relay.closed();
    expect(relay.bytesUp).toBeLessThan(10_000);
  });
});

test('the cache loses what was used longest ago, never what is in use', async () => {
  const names = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
  for (const [index, name] of names.entries()) {
    const path = join(folder, index === 1 ? `${name}.part` : name);
    writeFileSync(path, Buffer.alloc(1_000));
    utimesSync(path, index, index);
  }
  const cache = new Cache([folder]);
  await cache.trim(() => 4_000, new Set());
  expect(readdirSync(folder)).toHaveLength(4);
  await cache.trim(() => 2_500, new Set(names.slice(1, 2)));
  expect(readdirSync(folder).map((name) => name[0])).toEqual(['b', 'd']);
  await cache.trim(() => 0, new Set());
  expect(existsSync(join(folder, names[3] ?? ''))).toBe(false);
});

test('a fetch on a full disk says so, and brings the bytes when there is room', async (context) => {
  const mounted = await SmallDisk.mount(4);
  const disk = diskOf(context, mounted);
  const small = new BlobClient({ ...optionsOf(), folder: disk.path });
  await small.start();
  try {
    disk.fill();
    await expect(small.fetch(grant, never)).rejects.toMatchObject({
      message: expect.stringContaining('the disk of this node is full'),
      isFinal: false,
    });
    disk.free();
    expect(readFileSync(await small.fetch(grant, never)).equals(bytes)).toBe(true);
  } finally {
    small.stop();
    await disk.unmount();
  }
});

describe('for an exchange', () => {
  test('a run of chunks comes as it is asked for, in parts', async () => {
    const parts: Buffer[] = [];
    const span = { offset: 70_000, lengthBytes: 130_000 };
    await client.stream(grant, span, { signal: never, take: (part) => void parts.push(part) });
    expect(Buffer.concat(parts).equals(bytes.subarray(70_000, 200_000))).toBe(true);
  });

  test('the origin names the blob’s chunks', async () => {
    const index = decodeIndex(await client.index(grant, never));
    if (typeof index === 'string') throw new Error(index);
    expect(indexedBytes(index)).toBe(bytes.length);
    const [first] = index.chunks;
    expect(first?.sha256).toBe(hashOf(bytes.subarray(0, first?.lengthBytes)));
    const stranger = { ...grant, capability: 'none' };
    await expect(client.index(stranger, never)).rejects.toThrow('HTTP status 40');
  });
});

// Outputs that stay on a node: within its owner's limit, for neighbours that show the proof, and up only when they are wanted.

import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Results } from '../../../agent/adapters/attempts/results.ts';
import { BlobClient } from '../../../agent/adapters/blobs/blob-client.ts';
import { Cache } from '../../../agent/adapters/blobs/cache.ts';
import { UplinkPacer } from '../../../agent/adapters/blobs/uplink-pacer.ts';
import { ChunkClient } from '../../../agent/adapters/exchange/chunk-client.ts';
import { ChunkServer } from '../../../agent/adapters/exchange/chunk-server.ts';
import { KeptOutputs } from '../../../agent/adapters/kept/kept-outputs.ts';
import type { Exit, Keeper, Lease } from '../../../agent/core/index.ts';
import { propertyRuns } from '../../property-runs.ts';

/** A busy machine. */
const patient = { timeout: 60_000 };

const host = '127.0.0.1';
const never = new AbortController().signal;
const proof = 'ab'.repeat(32);
const pacer = new UplinkPacer(
  () => null,
  () => undefined,
);

/** One node: real files and a real chunk server; what it would send up is noted. */
class Node {
  readonly folder = mkdtempSync(join(tmpdir(), 'punnet-kept-'));
  readonly blobs = new BlobClient({
    ...{ folder: join(this.folder, 'blobs'), url: 'https://127.0.0.1:1', ca: '' },
    ...{ rateOf: () => null, onBytes: () => undefined },
  });
  readonly client = new ChunkClient(pacer);
  readonly sent: string[] = [];
  readonly missing: string[] = [];
  news = 0;
  readonly logged: string[] = [];
  most = 1_000_000;
  areLimitsKnown = true;
  mostBlobs = 100;
  mayTransfer = true;
  kept = this.#newKept();
  port = 0;
  readonly #server = new ChunkServer({
    ...{ blobOf: () => null, keptOf: (sha256) => this.kept.served(sha256), isPeer: () => true },
    ...{ onPeerHas: () => undefined, mostOut: 1, pacer, nowMs: () => performance.now() },
  });

  async start(): Promise<this> {
    await this.blobs.start();
    this.kept.start();
    this.port = await this.#server.start(host);
    return this;
  }

  #newKept(): KeptOutputs {
    const { blobs, client } = this;
    return new KeptOutputs({
      folder: join(this.folder, 'kept'),
      blobs: {
        adopt: (...call) => blobs.adopt(...call),
        isHere: (...call) => blobs.isHere(...call),
        fileOf: (...call) => blobs.fileOf(...call),
        put: (...call) => blobs.put(...call),
        upload: ({ sha256 }) => Promise.resolve(void this.sent.push(sha256)),
      },
      ...{ client, isPeer: () => true, here: () => ({ address: host, port: this.port }) },
      mostBytes: () => this.most,
      areLimitsKnown: () => this.areLimitsKnown,
      mostBlobs: this.mostBlobs,
      takeRoom: () => Promise.resolve(() => undefined),
      mayTransfer: () => this.mayTransfer,
      sayMissing: (sha256) => this.missing.push(sha256),
      onNews: () => (this.news += 1),
      log: (event) => this.logged.push(event),
    });
  }

  /** A new start of its agent. */
  restart(): void {
    this.kept = this.#newKept();
    this.kept.start();
  }

  stop(): void {
    this.#server.stop();
    this.client.stop();
    this.blobs.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Lets a task of the job leave these, and keeps them; returns their hashes, or why they can't stay. */
  async leave(jobId: string, outputs: readonly Buffer[]): Promise<readonly string[] | string> {
    const found = outputs.map((bytes, at) => {
      const absolutePath = join(this.folder, `${jobId}-${at}`);
      writeFileSync(absolutePath, bytes);
      return { path: `${at}`, absolutePath, sha256: hashOf(bytes), sizeBytes: bytes.length };
    });
    const problem = await this.kept.keep(leaseOf({ jobId, keepProof: proof }), found);
    return problem ?? found.map(({ sha256 }) => sha256);
  }

  keeper(changes: Partial<Keeper> = {}): Keeper {
    return { address: host, port: this.port, proof, ...changes };
  }
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function leaseOf(changes: Partial<Lease>): Lease {
  const bundle = { sha256: '', sizeBytes: 0, capability: '' };
  return {
    ...{ leaseId: 1, jobId: 'j1', jobName: 'job', researcher: 'ada', taskIndex: 0, command: [] },
    ...{ environment: {}, bundle, isRootFileSystem: false, inputs: [], outputs: [], timeoutMs: 1 },
    ...{ memoryBytes: 1, diskBytes: 1e6, uploadCapability: '', keepsCheckpoint: false },
    hasSocket: false,
    ...changes,
  };
}

const none = { jobIds: [], address: '', port: 0 };
const picture = randomBytes(200_000);
const ref = { sha256: hashOf(picture), sizeBytes: picture.length };
let node: Node;
let other: Node;

beforeEach(async () => {
  node = await new Node().start();
  other = await new Node().start();
});
afterEach(() => {
  node.stop();
  other.stop();
});

describe('what stays on a node', () => {
  test('is told of, also after a restart, until its job is gone', async () => {
    await node.leave('j1', [picture]);
    expect(node.news).toBe(1);
    const report = { jobIds: ['j1'], address: host, port: node.port };
    expect(node.kept.takeReport()).toEqual(report);
    node.restart();
    // In the first reports, then seldom, and again when the scheduler asks.
    for (let told = 0; told < 3; told += 1) expect(node.kept.takeReport()).toEqual(report);
    expect(node.kept.takeReport()).toBeUndefined();
    node.kept.tellAgain();
    expect(node.kept.takeReport()).toEqual(report);
    expect(node.kept.status).toEqual({ jobs: 1, bytes: picture.length });
    expect([...node.kept.pinned]).toEqual([ref.sha256]);
    node.kept.release(['j1', 'unknown']);
    node.restart();
    expect(node.kept.takeReport()).toEqual(none);
  });

  test('loses nothing but a line that was cut off by a loss of power', async () => {
    await node.leave('j1', [picture]);
    const file = join(node.folder, 'kept/j1.jsonl');
    appendFileSync(file, '\n{"proof":"ab","blobs":[["');
    node.restart();
    await node.leave('j1', [Buffer.from('another')]);
    node.restart();
    expect(node.kept.pinned.size).toBe(2);
    truncateSync(file, 20);
    node.restart();
    expect(node.kept.takeReport()).toEqual(none);
  });

  test('outlives all else in the cache, within the limit of its owner', async () => {
    await node.leave('j1', [picture]);
    const blobs = join(node.folder, 'blobs');
    writeFileSync(join(blobs, 'c'.repeat(64)), randomBytes(1_000));
    await new Cache([blobs]).trim(() => 0, node.kept.pinned);
    expect(existsSync(join(blobs, 'c'.repeat(64)))).toBe(false);
    expect(await node.blobs.isHere(ref)).toBe(true);
    node.most = 100_000;
    expect(await node.leave('j2', [Buffer.from('one more')])).toMatch(
      /its owner leaves 100000 B for what is kept \(cacheBytes\), 200000 B are taken, and 8 B would be added/,
    );
    const told = node.news;
    node.kept.shrink();
    expect([node.news, node.kept.takeReport()]).toEqual([told + 1, none]);
    node.kept.shrink();
    expect(node.news).toBe(told + 1);
  });

  test('of two tasks that end at once stays what there is room for', async () => {
    node.most = 300_000;
    const both = await Promise.all(
      ['j1', 'j2'].map((job) => node.leave(job, [randomBytes(200_000)])),
    );
    expect(both.filter((left) => typeof left === 'string')).toHaveLength(1);
    expect(node.kept.status).toEqual({ jobs: 1, bytes: 200_000 });
  });

  test.each(['../up', '', 'a/b', 'x'.repeat(65)])('has no file of a job "%s"', async (jobId) => {
    await expect(node.kept.keep(leaseOf({ jobId, keepProof: proof }), [])).resolves.toBeNull();
    const output = { ...ref, path: 'a', absolutePath: join(node.folder, 'a') };
    writeFileSync(output.absolutePath, picture);
    const keeping = node.kept.keep(leaseOf({ jobId, keepProof: proof }), [output]);
    await expect(keeping).rejects.toThrow('wanted the id of a job');
  });
});

test('a node keeps so many outputs and no more, equal ones as one', async () => {
  node.mostBlobs = 3;
  node.restart();
  const byteOf = (fill: number): Buffer => Buffer.alloc(10, fill);
  await node.leave('j1', [byteOf(1), byteOf(1), byteOf(2)]);
  await node.leave('j2', [byteOf(2), byteOf(3)]);
  expect(node.kept.status).toEqual({ jobs: 2, bytes: 30 });
  expect(await node.leave('j3', [byteOf(3), byteOf(4)])).toMatch(
    /it keeps 3, the most are 3, and 1 would be added/,
  );
  expect(await node.leave('j3', [byteOf(1)])).toEqual([hashOf(byteOf(1))]);
  node.kept.release(['j1']);
  expect(node.kept.pinned).toEqual(new Set([1, 2, 3].map((fill) => hashOf(byteOf(fill)))));
  node.kept.release(['j3']);
  expect(node.kept.status).toEqual({ jobs: 1, bytes: 20 });
  expect(await node.leave('j4', [byteOf(4)])).toEqual([hashOf(byteOf(4))]);
});

test('the oldest job goes first, after a restart too', async () => {
  for (const [at, job] of ['z', 'a', 'm'].entries()) {
    await node.leave(job, [randomBytes(100)]);
    utimesSync(join(node.folder, `kept/${job}.jsonl`), 1_000 + at, 1_000 + at);
  }
  node.restart();
  expect(node.kept.takeReport()?.jobIds).toEqual(['a', 'm', 'z']);
  await node.leave('z', [randomBytes(100)]);
  node.most = 350;
  node.kept.shrink();
  expect(node.kept.takeReport()?.jobIds).toEqual(['m', 'z']);
  node.most = 250;
  node.kept.shrink();
  expect(node.kept.takeReport()?.jobIds).toEqual(['z']);
});

test('what is kept stays while the limits of its owner have a mistake', async () => {
  await node.leave('j1', [picture]);
  [node.most, node.areLimitsKnown] = [1, false];
  node.restart();
  node.kept.shrink();
  expect([...node.kept.pinned]).toEqual([ref.sha256]);
  node.areLimitsKnown = true;
  node.kept.shrink();
  expect([...node.kept.pinned]).toEqual([]);
});

describe('a neighbour', () => {
  const brings = (keeper: Keeper): Promise<boolean> => other.kept.bring(ref, keeper, never);

  test('gets it by the proof, whole and right', async () => {
    await node.leave('j1', [picture]);
    expect(await brings(node.keeper())).toBe(true);
    expect(readFileSync(other.blobs.fileOf(ref.sha256)).equals(picture)).toBe(true);
    expect(other.kept.takeReport()).toEqual(none);
  });

  test.each<[string, Partial<Keeper>]>([
    ['another proof', { proof: 'cd'.repeat(32) }],
    ['no proof', { proof: '' }],
    ['a port where nobody is', { port: 1 }],
  ])('gets nothing with %s, and asks the origin', async (_, changes) => {
    await node.leave('j1', [picture]);
    expect(await brings(node.keeper(changes))).toBe(false);
    expect(other.logged).toEqual(['a kept output does not come over the LAN']);
  });

  test('believes no wrong bytes, and is given none', async () => {
    await node.leave('j1', [picture]);
    writeFileSync(
      node.blobs.fileOf(ref.sha256),
      Buffer.concat([picture.subarray(1), Buffer.of(0)]),
    );
    // What was found right stays so in memory: a bit has flipped since.
    expect(await brings(node.keeper())).toBe(false);
    expect(await other.blobs.isHere(ref)).toBe(false);
  });

  test('brings it once for all leases that need it, also when the first goes', async () => {
    await node.leave('j1', [picture]);
    const leaving = new AbortController();
    const first = other.kept.bring(ref, node.keeper(), leaving.signal);
    const rest = [1, 2, 3].map(() => brings(node.keeper()));
    leaving.abort(new Error('cancelled'));
    await expect(first).rejects.toThrow('cancelled');
    expect(await Promise.all(rest)).toEqual([true, true, true]);
    expect(other.logged).toEqual([]);
  });

  test('brings it anew for who comes as the last one leaves', async () => {
    await node.leave('j1', [picture]);
    const leaving = new AbortController();
    const first = other.kept.bring(ref, node.keeper(), leaving.signal);
    leaving.abort(new Error('cancelled'));
    const second = brings(node.keeper());
    await expect(first).rejects.toThrow('cancelled');
    expect(await second).toBe(true);
  });

  test('brings it from one keeper when an equal one has gone', async () => {
    await node.leave('j1', [picture]);
    const both = [brings(node.keeper({ port: 1 })), brings(node.keeper())];
    expect(await Promise.all(both)).toEqual([false, true]);
    expect(await other.blobs.isHere(ref)).toBe(true);
  });

  test('waits for one that gives as much as it may', async () => {
    const more = [1, 2, 3, 4].map(() => randomBytes(150_000));
    await node.leave('j1', more);
    const all = more.map((bytes) =>
      other.kept.bring({ sha256: hashOf(bytes), sizeBytes: bytes.length }, node.keeper(), never),
    );
    expect(await Promise.all(all)).toEqual([true, true, true, true]);
  });
});

describe('what is wanted elsewhere', () => {
  const ask = (sha256: string): void =>
    node.kept.send([{ blob: { sha256, sizeBytes: picture.length }, capability: '' }]);

  test('goes up; what is not kept is told to be missing', async () => {
    await node.leave('j1', [picture]);
    ask(ref.sha256);
    ask('d'.repeat(64));
    await expect
      .poll(() => [node.sent, node.missing], patient)
      .toEqual([[ref.sha256], ['d'.repeat(64)]]);
    rmSync(node.blobs.fileOf(ref.sha256));
    ask(ref.sha256);
    await expect.poll(() => node.missing, patient).toEqual(['d'.repeat(64), ref.sha256]);
  });

  test('does not go when the month has no bytes left', async () => {
    await node.leave('j1', [picture]);
    node.mayTransfer = false;
    ask(ref.sha256);
    await expect.poll(() => node.logged, patient).toEqual(['a kept output is not sent']);
    expect(node.sent).toEqual([]);
  });

  test('nothing of a kept output goes up otherwise, whatever tasks leave', async () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 4 });
    const tasks = fc.array(fc.record({ lengths, isWanted: fc.boolean() }), { maxLength: 6 });
    const exit: Exit = { code: 'succeeded', exitCode: 0, cpuMs: 1, wallMs: 1, detail: '' };
    let leaseId = 0;
    await fc.assert(
      fc.asyncProperty(tasks, async (left) => {
        node.sent.length = 0;
        const blobs = {
          upload: ({ sha256 }: { sha256: string }) => Promise.resolve(void node.sent.push(sha256)),
        };
        const folderOf = (id: number): string => join(node.folder, `attempt-${id}`);
        const sandbox = { folderOf, logTail: () => 'log' };
        const results = new Results(sandbox, { blobs, kept: node.kept });
        const expected: string[] = [];
        for (const { lengths: sizes, isWanted } of left) {
          leaseId += 1;
          const work = join(folderOf(leaseId), 'work');
          mkdirSync(work, { recursive: true });
          const outputs = sizes.map((size, at) => {
            writeFileSync(join(work, `${at}`), randomBytes(size));
            return `${at}`;
          });
          const lease = leaseOf({ leaseId, outputs, keepProof: proof });
          const { result } = await results.collect(lease, exit);
          await results.send(lease, never);
          expected.push(result?.sha256 ?? '');
          if (!isWanted || outputs.length === 0) continue;
          const bytes = readFileSync(join(work, '0'));
          const blob = { sha256: hashOf(bytes), sizeBytes: bytes.length };
          node.kept.send([{ blob, capability: '' }]);
          expected.push(blob.sha256);
          await expect.poll(() => node.sent.length, patient).toBe(expected.length);
        }
        expect(node.sent).toEqual(expected);
      }),
      { numRuns: propertyRuns(6) },
    );
  });
});

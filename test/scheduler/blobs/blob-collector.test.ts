// What nothing names goes after a week; what something names never does, whatever happens beside a pass.

import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AttemptResult, TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import { BlobCollector } from '../../../scheduler/adapters/blobs/blob-collector.ts';
import type { Collected } from '../../../scheduler/adapters/blobs/blob-collector.ts';
import { BlobError } from '../../../scheduler/adapters/blobs/blob-error.ts';
import { Manifests } from '../../../scheduler/adapters/blobs/manifests.ts';
import { hasResult } from '../../../scheduler/adapters/blobs/results.ts';
import type { NamedBlob } from '../../../scheduler/core/index.ts';
import { jobId as asJobId, sha256 as asSha256 } from '../../../scheduler/core/index.ts';
import { propertyRuns } from '../../property-runs.ts';
import { BlobFolder, allOf, dayMs } from './blob-folder.ts';

let blobs: BlobFolder;
let named: NamedBlob[];
let released: Set<string>;
/** What happens while a pass runs. */
let beside: () => Promise<void>;
let isDiskBad: boolean;
let unsent: NonNullable<NamedBlob['unsent']>[];
beforeEach(async () => {
  blobs = await BlobFolder.make();
  named = [];
  released = new Set();
  beside = () => Promise.resolve();
  [isDiskBad, unsent] = [false, []];
});
afterEach(() => blobs.remove());

function name(kind: NamedBlob['kind'], hash: string): void {
  named.push({ kind, sha256: asSha256(hash) });
}

function newCollector(): BlobCollector {
  const { store } = blobs;
  const readBytes = async (hash: string, most: number): Promise<Buffer> => {
    await beside();
    if (isDiskBad) throw new BlobError('io', `blob ${hash}: the disk is bad`);
    return store.readBytes(hash, most);
  };
  const names = async function* (): AsyncGenerator<string> {
    await beside();
    yield* store.names();
  };
  return new BlobCollector({
    blobs: {
      ...{ names, readBytes, dropMarks: () => store.dropMarks() },
      removeUnnamed: (hash) => store.removeUnnamed(hash),
    },
    manifests: new Manifests({ readBytes }),
    named: () => [null, ...named],
    namedElsewhere: () => released,
    onRemoved: () => beside(),
    onUnsent: (task) => Promise.resolve(void unsent.push(task)),
  });
}

const { signal } = new AbortController();

/** A pass, and the one of the day after, which removes. */
async function collect(): Promise<Collected> {
  const collector = newCollector();
  await collector.collect(signal);
  return collector.collect(signal);
}

const bytesOf = (text: string): Buffer => Buffer.from(text);
const here = (): Promise<readonly string[]> => allOf(blobs.store.names());

async function putResult(
  outputs: readonly { sha256: string; sizeBytes: number }[],
): Promise<string> {
  const result = { outputs: outputs.map((blob, at) => ({ path: `out ${at}`, blob })) };
  return blobs.put(AttemptResult.encode(AttemptResult.fromPartial(result)).finish());
}

async function putManifest(
  inputs: readonly { sha256: string; sizeBytes: number }[],
): Promise<string> {
  const tasks = inputs.map((blob, at) => ({ path: `in ${at}`, blob }));
  return blobs.put(TaskManifest.encode(TaskManifest.fromPartial({ tasks })).finish(), 'ada');
}

describe('a blob that nothing names', () => {
  test('stays for a week after it was sent, and goes then with the marks of its owners', async () => {
    const hash = await blobs.put(bytesOf('unnamed'), 'ada');
    blobs.age(6.9 * dayMs);
    expect(await collect()).toEqual({ removed: 0, removedBytes: 0, kept: 1 });
    blobs.age(0.2 * dayMs);
    expect(await collect()).toEqual({ removed: 1, removedBytes: 7, kept: 0 });
    expect(await blobs.store.size(hash)).toBeUndefined();
    const owners = readdirSync(join(blobs.folder, 'blobs/owners'), { recursive: true });
    expect(owners).toHaveLength(1);
    expect(readdirSync(join(blobs.folder, 'blobs/tmp'))).toEqual([]);
  });

  test.each([
    ['its size', (hash: string) => blobs.store.size(hash)],
    [
      'whether it is missing',
      (hash: string) => blobs.store.missing('ada', [{ sha256: hash, sizeBytes: 5 }]),
    ],
  ])('stays for a week after somebody asked for %s', async (_, ask) => {
    const hash = await blobs.put(bytesOf('asked'), 'ada');
    blobs.age(8 * dayMs);
    await ask(hash);
    blobs.age(6 * dayMs);
    expect(await collect()).toMatchObject({ kept: 1 });
    blobs.age(2 * dayMs);
    expect(await collect()).toMatchObject({ removed: 1 });
  });

  test('stays while it is sent again', async () => {
    const hash = await blobs.put(bytesOf('again'));
    blobs.age(8 * dayMs);
    let arrive: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const coming = async function* (): AsyncGenerator<Buffer> {
      await arrived;
      yield bytesOf('again');
    };
    const putting = blobs.store.put(coming(), hash, 5);
    expect(await collect()).toMatchObject({ removed: 0 });
    arrive();
    await putting;
    expect(await collect()).toMatchObject({ removed: 0 });
  });
});

test('a file, a list and what it lists, and the blobs of releases stay, however old', async () => {
  const [input, output, bundle, release] = await Promise.all(
    ['input', 'output', 'bundle', 'release'].map((text) => blobs.put(bytesOf(text))),
  );
  name('file', bundle ?? '');
  name('manifest', await putManifest([{ sha256: input ?? '', sizeBytes: 5 }]));
  name('result', await putResult([{ sha256: output ?? '', sizeBytes: 6 }]));
  released.add(release ?? '');
  await blobs.put(bytesOf('nobody'));
  blobs.age(400 * dayMs);
  expect(await collect()).toMatchObject({ removed: 1, kept: 6 });
});

test('what the pass before still found named stays until the next', async () => {
  const hash = await blobs.put(bytesOf('of a job'));
  blobs.age(8 * dayMs);
  name('file', hash);
  const collector = newCollector();
  await collector.collect(signal);
  named = [];
  expect(await collector.collect(signal)).toMatchObject({ removed: 0 });
  expect(await collector.collect(signal)).toMatchObject({ removed: 1 });
});

test('a disk that cannot be read removes nothing; a list that is gone or none holds nothing up', async () => {
  name('result', await putResult([]));
  name('result', await blobs.put(Buffer.alloc(20, 255)));
  name('manifest', await blobs.put(Buffer.alloc(21, 255)));
  name('manifest', 'f'.repeat(64));
  await blobs.put(bytesOf('nobody'));
  blobs.age(8 * dayMs);
  isDiskBad = true;
  await expect(collect()).rejects.toMatchObject({ code: 'io' });
  expect(await here()).toHaveLength(4);
  isDiskBad = false;
  expect(await collect()).toMatchObject({ removed: 1 });
});

test('an end whose result lost an output on the way is not taken', async () => {
  const output = await blobs.put(bytesOf('output'));
  const result = await putResult([{ sha256: output, sizeBytes: 6 }]);
  const { store } = blobs;
  const ref = { sha256: result, sizeBytes: (await store.size(result)) ?? 0 };
  expect(await hasResult(store, ref)).toBe(true);
  expect(await hasResult(store, { ...ref, sizeBytes: 1 })).toBe(false);
  blobs.age(8 * dayMs);
  await store.removeUnnamed(output);
  expect(await hasResult(store, ref)).toBe(false);
});

/** Jobs and nodes as they come, by the rules that the API and the bus keep. */
type Step =
  | { readonly kind: 'send' | 'submit' | 'end' | 'forget'; readonly pick: number }
  | { readonly kind: 'wait'; readonly days: number };

/** Few blobs, so that steps meet. */
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('send', 'submit', 'end', 'forget'),
    pick: fc.nat(1),
  }),
  fc.record({ kind: fc.constant('wait'), days: fc.constantFrom(5, 8) }),
);

class World {
  readonly refs: { readonly sha256: string; readonly sizeBytes: number }[] = [];
  /** What must be here, by the list or job that names it. */
  readonly #held: (readonly string[])[] = [];

  async take(step: Step): Promise<void> {
    const { store } = blobs;
    if (step.kind === 'wait') return blobs.age(step.days * dayMs);
    const text = bytesOf(`blob ${step.pick}`);
    if (step.kind === 'send') {
      this.refs[step.pick] = { sha256: await blobs.put(text, 'ada'), sizeBytes: text.length };
    }
    const ref = this.refs[step.pick];
    if (ref === undefined) return;
    if (step.kind === 'submit') {
      const manifest = await putManifest([ref]);
      if ((await store.missing('ada', [ref])).length > 0) return;
      this.#hold('manifest', manifest, ref.sha256);
    }
    if (step.kind === 'end') {
      const result = await putResult([ref]);
      const sizeBytes = (await store.size(result)) ?? 0;
      if (await hasResult(store, { sha256: result, sizeBytes }))
        this.#hold('result', result, ref.sha256);
    }
    if (step.kind === 'forget') {
      named.splice(step.pick, 1);
      this.#held.splice(step.pick, 1);
    }
  }

  #hold(kind: NamedBlob['kind'], list: string, listed: string): void {
    name(kind, list);
    this.#held.push([list, listed]);
  }

  get held(): ReadonlySet<string> {
    return new Set(this.#held.flat());
  }
}

test('whatever is sent, submitted, ended and forgotten before and beside a pass: what is named stays, the rest goes', async () => {
  const check = async (before: readonly Step[], during: readonly Step[]): Promise<void> => {
    blobs.remove();
    blobs = await BlobFolder.make();
    named = [];
    const world = new World();
    for (const step of before) await world.take(step);
    const queue = [...during];
    beside = async () => {
      for (const step of queue.splice(0, 2)) await world.take(step);
    };
    const collector = newCollector();
    await collector.collect(signal);
    await collector.collect(signal);
    beside = () => Promise.resolve();
    const left = new Set(await here());
    expect([...world.held].filter((hash) => !left.has(hash))).toEqual([]);
    blobs.age(8 * dayMs);
    await collect();
    expect(new Set(await here())).toEqual(world.held);
  };
  const lists = [fc.array(steps, { maxLength: 8 }), fc.array(steps, { maxLength: 6 })] as const;
  // Time does not stand still for a pass, but it does not leap by days either.
  const calm = lists[1].map((list) => list.filter((step) => step.kind !== 'wait'));
  await fc.assert(fc.asyncProperty(lists[0], calm, check), { numRuns: propertyRuns(40) });
}, 30_000);

test('tasks whose outputs stayed on nodes are named once a pass', async () => {
  const task = { jobId: asJobId('pictures'), taskIndex: 3 };
  const kind = 'result' as const;
  named.push({ kind, sha256: asSha256(await putResult([])), isKept: true, unsent: task });
  named.push({ kind, sha256: asSha256(await putResult([])), isKept: true });
  await newCollector().collect(signal);
  expect(unsent).toEqual([task]);
});

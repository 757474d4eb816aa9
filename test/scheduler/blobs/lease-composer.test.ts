// A lease is composed at once, so that it travels with what else its node is told; only the first
// of a job with inputs waits for their list.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import { BlobStore } from '../../../scheduler/adapters/blobs/blob-store.ts';
import {
  CapabilitySigner,
  loadCapabilityKey,
} from '../../../scheduler/adapters/blobs/capability.ts';
import { LeaseComposer } from '../../../scheduler/adapters/blobs/lease-composer.ts';
import { Manifests } from '../../../scheduler/adapters/blobs/manifests.ts';
import { jobId, leaseId, nodeId, sha256 } from '../../../scheduler/core/index.ts';
import type { JobTemplate, LeaseSummary } from '../../../scheduler/core/index.ts';
import { CoreHarness, pi3 } from '../core/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'punnet-composer-'));
const hash = sha256('ef'.repeat(32));
let blobs: BlobStore;

beforeAll(async () => {
  blobs = await BlobStore.open(folder, () => undefined);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rig(changes: Partial<JobTemplate>, now: () => number = () => 0) {
  const core = new CoreHarness();
  core.setSite('home', 1e9);
  core.node('pi', 'home', { ...pi3, architecture: 'armv6l' });
  core.submit('job', changes);
  const signer = new CapabilitySigner(loadCapabilityKey(folder));
  const composer = new LeaseComposer({
    manifests: new Manifests(blobs),
    signer,
    view: () => core.view,
    now,
  });
  const compose = (taskIndex: number, job = 'job', node = 'pi') =>
    composer.compose({
      ...{ kind: 'grant', nodeId: nodeId(node), leaseId: leaseId(7) },
      ...{ jobId: jobId(job), taskIndex },
    });
  return { compose, signer };
}

it('is there at once without inputs, with its command and the right to send its results', () => {
  const { compose, signer } = rig({ command: ['bin/run', '{index}'] });
  const lease = compose(3);
  expect(lease).toMatchObject({ leaseId: 7, taskIndex: 3, command: ['bin/run', '3'], inputs: [] });
  if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
  expect(signer.verify(lease.uploadCapability, 0)).toMatchObject({ kind: 'put', nodeId: 'pi' });
});

it.each<[string, Partial<JobTemplate>, object | undefined]>([
  ['nothing', {}, undefined],
  [
    'twice the bytes that its job declares',
    { network: 'internet', internetBytes: 5e6 },
    { maxBytes: 10e6, downBps: 0, upBps: 0 },
  ],
  [
    'as a replica its rates',
    { network: 'internet', service: { rates: { cpuGhz: null, downBps: 2e5, upBps: 1e4 } } },
    { maxBytes: 0, downBps: 2e5, upBps: 1e4 },
  ],
])('may move %s over the internet', (_, changes, wanted) => {
  const lease = rig(changes).compose(0);
  if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
  expect(lease.internet).toEqual(wanted);
});

it('gives a node the same right to send, and a new one before a month is left of it', () => {
  let nowMs = 0;
  const { compose, signer } = rig({ timeoutMs: 3_600_000 }, () => nowMs);
  const rightAt = (hours: number): string => {
    nowMs = hours * 3_600_000;
    const lease = compose(0);
    if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
    const monthLaterMs = nowMs + (32 * 24 + 1) * 3_600_000;
    expect(signer.verify(lease.uploadCapability, monthLaterMs - 1)).toBeDefined();
    return lease.uploadCapability;
  };
  const rights = [0, 23, 25].map(rightAt);
  expect(rights[1]).toBe(rights[0]);
  expect(rights[2]).not.toBe(rights[1]);
});

it.each([
  ['its outputs and its result', ['a.txt'], 6_000_000],
  ['its result alone where it has no outputs, as a service', [], 1_000_000],
])('may send %s', (_, outputs, wanted) => {
  const { compose, signer } = rig({ outputs, diskBytes: 5_000_000 });
  const lease = compose(0);
  if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
  expect(signer.verify(lease.uploadCapability, 0)).toMatchObject({ maxBytes: wanted });
});

it('ends a right to send with the lease where it would last for years', () => {
  const service = { rates: { cpuGhz: null, downBps: 0, upBps: 0 } };
  for (const [changes, wanted] of [
    [{ service }, 7],
    [{}, null],
  ] as const) {
    const { compose, signer } = rig(changes);
    const lease = compose(0);
    if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
    expect(signer.verify(lease.uploadCapability, 0)).toMatchObject({ leaseId: wanted });
  }
});

it('waits for the list of inputs once', async () => {
  const tasks = ['a.txt', 'b.txt'].map((path) => ({ path, blob: { sha256: hash, sizeBytes: 5 } }));
  const bytes = TaskManifest.encode(TaskManifest.fromPartial({ tasks })).finish();
  const manifestHash = createHash('sha256').update(bytes).digest('hex');
  await blobs.put(Readable.from([bytes]), manifestHash, bytes.length);
  const manifest = { sha256: sha256(manifestHash), sizeBytes: bytes.length };
  const { compose } = rig({ manifest, taskCount: 2, taskInputBytes: [5, 5], command: ['{input}'] });
  const first = compose(0);
  expect(first).toBeInstanceOf(Promise);
  expect(await first).toMatchObject({ command: ['a.txt'], inputs: [{ path: 'a.txt' }] });
  expect(compose(1)).toMatchObject({ command: ['b.txt'], inputs: [{ path: 'b.txt' }] });
});

it('asks for the list again when it could not be read', async () => {
  const { compose } = rig({ manifest: { sha256: hash, sizeBytes: 5 } });
  await expect(compose(0)).rejects.toThrow('not here');
  await expect(compose(0)).rejects.toThrow('not here');
});

it('is nothing when the job or the node is gone', () => {
  const { compose } = rig({});
  expect([compose(0, 'gone'), compose(0, 'job', 'gone')]).toEqual([undefined, undefined]);
});

it('gives a node the same right to a shared blob, and a new one before half of a day is over', () => {
  let nowMs = 0;
  const { compose, signer } = rig({}, () => nowMs);
  const rightAt = (hours: number): string => {
    nowMs = hours * 3_600_000;
    const lease = compose(0);
    if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
    const right = lease.bundle?.capability ?? '';
    expect(signer.verify(right, nowMs + 12 * 3_600_000 - 1)).toMatchObject({ nodeId: 'pi' });
    return right;
  };
  const rights = [0, 11, 13].map(rightAt);
  expect(rights[1]).toBe(rights[0]);
  expect(rights[2]).not.toBe(rights[1]);
});

it('keeps 20,000 rights; beyond, those for what was wanted first are signed anew', () => {
  let nowMs = 0;
  const core = new CoreHarness();
  core.setSite('home', 1e9);
  core.node('pi', 'home', { ...pi3, architecture: 'armv6l' });
  core.submit('job', {});
  // As if all nodes were like that one: to enrol ten thousand takes longer.
  const leaseContext = (of: LeaseSummary) =>
    core.view.leaseContext({ ...of, nodeId: nodeId('pi') });
  const composer = new LeaseComposer({
    manifests: new Manifests(blobs),
    signer: new CapabilitySigner(loadCapabilityKey(folder)),
    view: () => Object.assign(Object.create(core.view), { leaseContext }),
    now: () => nowMs,
  });
  const rightsOf = (node: number): readonly (string | undefined)[] => {
    const lease = composer.compose({
      ...{ kind: 'grant', nodeId: nodeId(`n${node}`), leaseId: leaseId(7) },
      ...{ jobId: jobId('job'), taskIndex: 0 },
    });
    if (lease === undefined || lease instanceof Promise) throw new Error('not at once');
    return [lease.bundle?.capability, lease.uploadCapability];
  };
  const before = rightsOf(0);
  for (let node = 1; node < 10_000; node += 1) rightsOf(node);
  nowMs = 1;
  expect(rightsOf(0)).toEqual(before);
  rightsOf(10_000);
  const after = rightsOf(0);
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).toBe(before[1]);
});

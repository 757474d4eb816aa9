// A blob that a node keeps, fetched by another one: the answer waits until the first has sent it, and says why it does not come.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BlobClient } from '../../../agent/adapters/blobs/blob-client.ts';
import type { KeptProblem, WantedOutput } from '../../../scheduler/adapters/blobs/kept-outputs.ts';
import { HttpsRig, hashOf } from './https-rig.ts';

/** A busy machine. */
const patient = { timeout: 60_000 };

let rig: HttpsRig;
let client: BlobClient;
const folder = mkdtempSync(join(tmpdir(), 'punnet-kept-https-'));
const never = new AbortController().signal;
let wanted: WantedOutput[];
let answer: (problem: KeptProblem | null) => void;
let isGone: boolean;

beforeAll(async () => {
  rig = await HttpsRig.start({
    now: () => 1_000,
    enrol: () => Promise.reject(new Error('nobody enrols here')),
    ...{ isNodeAdmitted: () => true, isLeaseOf: () => true, processingEveryMs: 5 },
    kept: {
      bring: (each, signal) => {
        wanted.push(each);
        signal.addEventListener('abort', () => (isGone = true));
        return new Promise((resolve) => (answer = resolve));
      },
      came: () => answer(null),
    },
  });
  const url = `https://127.0.0.1:${rig.port}`;
  client = new BlobClient({
    ...{ folder, url, ca: rig.caPem, rateOf: () => null, onBytes: () => undefined },
  });
  await client.start();
});
beforeEach(() => {
  [wanted, isGone] = [[], false];
});
afterAll(async () => {
  client.stop();
  await rig.stop();
  rmSync(folder, { recursive: true });
});

function picture() {
  const bytes = randomBytes(50_000);
  const blob = { sha256: hashOf(bytes), sizeBytes: bytes.length };
  const kept = { jobId: 'pictures', taskIndex: 3, sizeBytes: bytes.length };
  return { bytes, blob, capability: rig.mayGet(blob.sha256, { kept }) };
}

test('comes as soon as its node has sent it', async () => {
  const { bytes, blob, capability } = picture();
  const fetching = client.fetch({ ...blob, capability }, never);
  await expect
    .poll(() => wanted, patient)
    .toMatchObject([{ jobId: 'pictures', taskIndex: 3, ...blob }]);
  const file = join(folder, 'picture');
  writeFileSync(file, bytes);
  await client.upload(blob, file, { capability: rig.mayPut(bytes.length), signal: never });
  expect(readFileSync(await fetching).equals(bytes)).toBe(true);
});

test('says now and then that it comes, to who waits', async () => {
  const { blob, capability } = picture();
  const heard: number[] = [];
  const headers = { authorization: `Bearer ${capability}` };
  const options = { ca: rig.caPem, headers };
  const asked = request(`https://127.0.0.1:${rig.port}/v1/blob/${blob.sha256}`, options);
  asked.on('information', ({ statusCode }) => heard.push(statusCode));
  const ended = new Promise((resolve) => asked.once('response', resolve));
  asked.end();
  await expect.poll(() => heard.length, patient).toBeGreaterThan(2);
  expect(new Set(heard)).toEqual(new Set([102]));
  answer({ code: 'away', text: 'its node sleeps' });
  expect(await ended).toMatchObject({ statusCode: 503 });
  asked.destroy();
});

test.each([
  ['away', false],
  ['late', false],
  ['gone', true],
] as const)('of one that is %s says why', async (code, isFinal) => {
  const { blob, capability } = picture();
  const fetching = client.fetch({ ...blob, capability }, never);
  await expect.poll(() => wanted, patient).toHaveLength(1);
  answer({ code, text: 'its node sleeps' });
  await expect(fetching).rejects.toMatchObject({
    isFinal,
    message: expect.stringContaining('its node sleeps') as string,
  });
});

test('is waited for no longer than its node waits', async () => {
  const { blob, capability } = picture();
  const leaving = new AbortController();
  const fetching = client.fetch({ ...blob, capability }, leaving.signal);
  await expect.poll(() => wanted, patient).toHaveLength(1);
  leaving.abort();
  await expect(fetching).rejects.toThrow();
  await expect.poll(() => isGone, patient).toBe(true);
  answer(null);
});

test('is asked for also when it is here: that it came may be unknown', async () => {
  const { bytes, blob, capability } = picture();
  const file = join(folder, 'known');
  writeFileSync(file, bytes);
  answer = () => undefined;
  await client.upload(blob, file, { capability: rig.mayPut(bytes.length), signal: never });
  const fetching = client.fetch({ ...blob, capability }, never);
  await expect.poll(() => wanted, patient).toHaveLength(1);
  answer(null);
  await fetching;
});

test('is not asked of a node by a right that names none', async () => {
  const { blob } = picture();
  const fetching = client.fetch({ ...blob, capability: rig.mayGet(blob.sha256) }, never);
  await expect(fetching).rejects.toThrow('There is no blob');
  expect(wanted).toEqual([]);
});

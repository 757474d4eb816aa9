// A list of tasks is read one task at a time, and is that of the whole message.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TaskManifest } from '../../../proto/gen/punnet/v1/job.ts';
import { Manifest, Manifests } from '../../../scheduler/adapters/blobs/manifests.ts';

const sha256 = 'ab'.repeat(32);
const entry = fc.record({
  path: fc.string(),
  blob: fc.option(fc.record({ sha256: fc.string(), sizeBytes: fc.nat() }), { nil: undefined }),
  values: fc.array(fc.string()),
});

it('reads each task as the whole message has it', () => {
  fc.assert(
    fc.property(fc.array(entry), (tasks) => {
      const manifest = new Manifest(TaskManifest.encode({ tasks }).finish());
      const read = Array.from({ length: manifest.length }, (_, at) => manifest.entry(at));
      expect(read).toEqual(tasks);
      expect(() => manifest.entry(tasks.length)).toThrow('no task');
    }),
  );
});

it('skips the fields of a newer list', () => {
  const tasks = [{ path: 'a', blob: undefined, values: [] }];
  const bytes = Buffer.concat([Buffer.from([0x12, 1, 7]), TaskManifest.encode({ tasks }).finish()]);
  expect(new Manifest(bytes).entry(0)).toEqual(tasks[0]);
});

it('never throws anything but an error, and says what it wanted', async () => {
  const broken = new Manifests({ readBytes: () => Promise.resolve(Buffer.from([0x0a, 0xff])) });
  await expect(broken.get(sha256)).rejects.toThrow('wanted a TaskManifest');
});

it('is read once while it is used, and again after it could not be read', async () => {
  let reads = 0;
  let isHere = false;
  const manifests = new Manifests({
    readBytes: () => {
      reads += 1;
      return isHere ? Promise.resolve(Buffer.alloc(0)) : Promise.reject(new Error('not here'));
    },
  });
  await expect(manifests.get(sha256)).rejects.toThrow('not here');
  isHere = true;
  await Promise.all([manifests.get(sha256), manifests.get(sha256)]);
  expect(manifests.get(sha256)).toBeInstanceOf(Manifest);
  expect(reads).toBe(2);
});

// The programs of a bundle are found and judged; what is no bundle is refused in words.

import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { inspectBundle } from '../../../scheduler/bundle/inspect.ts';
import { misfit } from '../../../scheduler/bundle/judge.ts';
import { attributes, debianArmel, debianArmhf, tarOf, tinyElf, type TinyElf } from './tiny-elf.ts';

async function* inParts(bytes: Buffer, length = 1_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const v7: TinyElf = { machine: 40, flags: 0x400, attributes: debianArmhf };
const v6: TinyElf = { machine: 40, flags: 0x400, attributes: attributes(6, 1) };
const v5Soft: TinyElf = { machine: 40, flags: 0x200, attributes: debianArmel };
const v8: TinyElf = { machine: 40, attributes: attributes(14, 1) };
const x86: TinyElf = { machine: 62, is64: true, type: 2 };
const arm64: TinyElf = { machine: 183, is64: true, type: 2 };
const loader = { interpreter: '/lib/ld-linux.so.3' };

interface Claim {
  readonly architecture: string;
  readonly isRootFileSystem?: boolean;
}

async function judge(claim: Claim, files: Readonly<Record<string, Buffer>>) {
  const programs = await inspectBundle(inParts(await tarOf(files)));
  return misfit({ isRootFileSystem: false, ...claim }, programs);
}

test.each<[architecture: string, file: string, elf: TinyElf, told: string | null]>([
  ['armv6l', 'bin/a', v6, null],
  ['armv6l', 'bin/a', v5Soft, null],
  ['armv6l', 'bin/a', { machine: 40, type: 2 }, null],
  [
    'armv6l',
    'bin/a',
    v7,
    'bin/a: wanted code for armv6l, found armv7 with hard float: build it with',
  ],
  [
    'armv6l',
    'lib/a.so.1.2',
    v7,
    'lib/a.so.1.2: wanted code for armv6l, found armv7 with hard float',
  ],
  ['armv6l', 'a', { machine: 40, attributes: attributes(8, 0) }, 'found armv6t2'],
  ['armv7l', 'a', v6, null],
  ['armv7l', 'a', v7, null],
  ['armv7l', 'a', v8, 'a: wanted code for armv7l, found armv8 with hard float: build it with'],
  ['armv7l', 'a', { ...v5Soft, ...loader }, 'a: wanted hard float, as Raspberry Pi OS (armhf) has'],
  ['aarch64', 'a', arm64, null],
  [
    'aarch64',
    'a',
    v7,
    'a: wanted code for aarch64, found armv7 with hard float: build it for aarch64',
  ],
  ['x86_64', 'a', x86, null],
  ['x86_64', 'a', arm64, 'a: wanted code for x86_64, found aarch64: build it for x86_64'],
  ['armv6l', 'a', x86, 'a: wanted code for armv6l, found x86_64: build it for armv6l'],
  ['armv6l', 'data.txt', x86, null],
])('in a bundle for %s, %s as %j', async (architecture, file, elf, told) => {
  const found = await judge(
    { architecture },
    { 'run.sh': Buffer.from('#!'), [file]: tinyElf(elf) },
  );
  if (told === null) expect(found).toBeNull();
  else expect(found).toContain(told);
});

test('in a root file system libraries may choose faster code, and programs have their own loader', async () => {
  const claim = { architecture: 'armv6l', isRootFileSystem: true };
  expect(await judge(claim, { 'usr/lib/libcrypto.so.3': tinyElf(v7) })).toBeNull();
  expect(await judge(claim, { 'bin/a': tinyElf({ ...v5Soft, ...loader }) })).toBeNull();
  const program = tinyElf({ ...v7, ...loader });
  expect(await judge(claim, { 'bin/a': program })).toContain('bin/a: wanted code for armv6l');
});

test('attributes behind megabytes of code are found, packed or not, in parts of any length', async () => {
  const [head, tail] = [tinyElf({ machine: 40 }), attributes(10, 1)];
  const code = randomBytes(3_000_000);
  const elf = Buffer.concat([head, code, tail, Buffer.alloc(40)]);
  const at = head.length + code.length;
  elf.writeUInt32LE(at + tail.length, 32);
  elf.writeUInt16LE(1, 48);
  elf.writeUInt32LE(0x7000_0003, at + tail.length + 4);
  elf.writeUInt32LE(at, at + tail.length + 16);
  elf.writeUInt32LE(tail.length, at + tail.length + 20);
  const tar = await tarOf({ a: elf });
  for (const source of [inParts(tar, 100_000), inParts(gzipSync(tar), 7_777)]) {
    const found = misfit(
      { architecture: 'armv6l', isRootFileSystem: false },
      await inspectBundle(source),
    );
    expect(found).toContain('found armv7 with hard float');
  }
});

test('one program of each kind is kept, however many there are', async () => {
  const files = Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`a${at}`, tinyElf(v7)]));
  expect(await inspectBundle(inParts(await tarOf(files)))).toMatchObject([{ path: 'a0' }]);
});

test.each([
  ['bytes that are no tar', () => randomBytes(2_000)],
  ['a tar that was cut', async () => (await tarOf({ a: randomBytes(5_000) })).subarray(0, 3_000)],
  ['a gzip that was cut', async () => gzipSync(await tarOf({ a: randomBytes(5_000) })).subarray(0, 3_000)], // prettier-ignore
])('%s is refused', async (_, bytes) => {
  await expect(inspectBundle(inParts(await bytes()))).rejects.toThrow('wanted a .tar or a .tar.gz');
});

test('a header without end is refused, not kept in memory', async () => {
  const header = (await tarOf({ a: Buffer.alloc(0) })).subarray(0, 512);
  // A long name of 4 GB; its checksum counts eight blanks in its own place.
  header.write('L', 156);
  header.write('37777777777\0', 124);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const endless = async function* (): AsyncGenerator<Buffer> {
    yield header;
    for (;;) yield Buffer.alloc(65_536);
  };
  await expect(inspectBundle(endless())).rejects.toThrow('Header exceeds max size');
});

test('an ARM program that is too large to look into is refused', async () => {
  const elf = Buffer.concat([tinyElf(v6), Buffer.alloc(64_000_000)]);
  await expect(inspectBundle(inParts(await tarOf({ big: elf }), 1_000_000))).rejects.toThrow(
    'big: wanted a program of at most 64000000 bytes',
  );
});

test('a disk that fails is no mistake of the bundle', async () => {
  const failing = async function* (): AsyncGenerator<Buffer> {
    yield (await tarOf({ a: Buffer.alloc(5_000) })).subarray(0, 1_024);
    throw Object.assign(new Error('bad disk'), { code: 'EIO' });
  };
  await expect(inspectBundle(failing())).rejects.toThrow('bad disk');
});

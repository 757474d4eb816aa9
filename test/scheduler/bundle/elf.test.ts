// What ELF files say that they were built for: attributes of real ones, and every way to be broken.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elfText, readElf } from '../../../scheduler/bundle/elf.ts';
import { propertyRuns } from '../../property-runs.ts';
import { attributes, debianArmel, debianArmhf, tinyElf, type TinyElf } from './tiny-elf.ts';

const arm = 40;
const armhf: TinyElf = { machine: arm, flags: 0x5000400, attributes: debianArmhf };

test.each<[elf: TinyElf, text: string]>([
  [{ machine: 62, is64: true }, 'x86_64'],
  [{ machine: 3 }, 'i386'],
  [{ machine: 183, is64: true }, 'aarch64'],
  [{ machine: 8 }, 'machine 8'],
  [{ machine: arm, isBigEndian: true }, 'arm (big-endian)'],
  [armhf, 'armv7 with hard float'],
  [{ machine: arm, flags: 0x5000200, attributes: debianArmel }, 'armv5te with soft float'],
  [{ machine: arm, attributes: attributes(7, 1) }, 'armv6kz with hard float'],
  [{ machine: arm, flags: 0x200, attributes: attributes(14, 0) }, 'armv8 with soft float'],
  [{ machine: arm, attributes: attributes(99, 0) }, 'arm (CPU 99)'],
  [{ machine: arm }, 'arm'],
])('%j is %s', (elf, text) => {
  const found = readElf(tinyElf(elf));
  expect(found === null ? null : elfText(found)).toBe(text);
});

test.each<[what: string, elf: TinyElf, isProgram: boolean, interpreter: string | null]>([
  ['a static program', { machine: 62, is64: true, type: 2 }, true, null],
  ['a library', { machine: arm }, false, null],
  ['a program of 32 bits', { ...armhf, interpreter: '/lib/ld-linux-armhf.so.3' }, true, '/lib/ld-linux-armhf.so.3'], // prettier-ignore
  ['a program of 64 bits', { machine: 183, is64: true, interpreter: '/lib/ld.so' }, true, '/lib/ld.so'], // prettier-ignore
])('%s is seen as such', (_, elf, isProgram, interpreter) => {
  expect(readElf(tinyElf(elf))).toMatchObject({ isProgram, interpreter });
});

test('what is not linked, and what is not ELF, is nothing', () => {
  expect(readElf(tinyElf({ machine: 62, type: 1 }))).toBeNull();
  expect(readElf(Buffer.from('#!/bin/sh\n'.repeat(9)))).toBeNull();
  expect(readElf(Buffer.alloc(0))).toBeNull();
});

test('this Node is a program of this machine', async () => {
  const { open } = await import('node:fs/promises');
  const handle = await open(process.execPath);
  const { buffer } = await handle.read(Buffer.alloc(4_096));
  await handle.close();
  const machine = process.arch === 'x64' ? 'x86_64' : 'aarch64';
  expect(readElf(buffer)).toMatchObject({ machine, isProgram: true });
});

test('broken files say less, and never make anything throw', () => {
  const whole = tinyElf({ ...armhf, interpreter: '/lib/ld.so' });
  const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.nat(whole.length), (changes, length) => {
      const broken = Buffer.from(whole);
      for (const { at, value } of changes.filter(({ at: place }) => place > 4)) broken[at] = value;
      const found = readElf(broken.subarray(0, length));
      if (found !== null) expect(elfText(found)).toEqual(expect.any(String));
    }),
    { numRuns: propertyRuns(600) },
  );
});

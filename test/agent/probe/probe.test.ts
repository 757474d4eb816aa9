// What a node tells of itself, against the machine that runs the tests and made-up boards.

import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import {
  architectureOf,
  slotsFor,
  takeInventory,
  userlandAbi,
} from '../../../agent/adapters/probe/inventory.ts';
import { measureSpeed } from '../../../agent/adapters/probe/speed.ts';
import { readStatus } from '../../../agent/adapters/probe/status.ts';

test('the inventory of this machine is whole', async () => {
  const inventory = await takeInventory('/');
  expect(inventory.model).not.toBe('');
  expect(inventory.memoryBytes).toBeGreaterThan(64 << 20);
  expect(inventory.slotCount).toBeGreaterThanOrEqual(1);
});

const v6 = cpu(
  'model name\t: ARMv6-compatible processor rev 7 (v6l)',
  'vfp edsp java tls',
  '0xb76',
);
const pi2 = cpu('model name\t: ARMv7 Processor rev 5 (v7l)', 'neon vfpv4 idiva lpae', '0xc07');
const pi3 = cpu('model name\t: ARMv7 Processor rev 4 (v7l)', 'neon vfpv4 idiva crc32', '0xd03');
const pi3by64 = cpu('BogoMIPS\t: 38.40', 'fp asimd evtstrm crc32 cpuid', '0xd03', 8);
const laptop =
  'processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse4_2\n';

/** As the kernel prints it; an ARMv6 core says architecture 7, which tells nothing. */
function cpu(first: string, features: string, part: string, architecture = 7): string {
  const implementer = `CPU implementer\t: 0x41\nCPU architecture: ${architecture}`;
  const core = `processor\t: 0\n${first}\nFeatures\t: half thumb fastmult ${features}\n`;
  return `${core}${implementer}\nCPU variant\t: 0x0\nCPU part\t: ${part}\nCPU revision\t: 4\n`;
}

test.each([
  ['Pi 1 B', 'armv6l', 'armhf', v6, 'armv6l'],
  ['Pi Zero W', 'armv6l', 'armhf', v6, 'armv6l'],
  ['Pi Zero under a Debian armel', 'armv6l', 'armel', v6, 'armv6l'],
  ['Pi 2', 'armv7l', 'armhf', pi2, 'armv7l'],
  ['Pi 3 with the 32-bit system', 'armv7l', 'armhf', pi3, 'armv7l'],
  ['Pi 3 with a 64-bit kernel under the 32-bit system', 'aarch64', 'armhf', pi3by64, 'armv7l'],
  ['the same, whose kernel says so to its programs', 'armv8l', 'armhf', pi3, 'armv7l'],
  ['Pi 3 with the 64-bit system', 'aarch64', 'arm64', pi3by64, 'aarch64'],
  ['a laptop', 'x86_64', 'amd64', laptop, 'x86_64'],
] as const)('%s: %s with %s is told right', (_board, machine, abi, cpuinfo, wanted) => {
  expect(architectureOf(machine, abi, cpuinfo)).toBe(wanted);
});

test.each([
  [40, 0x400, 'armhf'],
  [40, 0x200, 'armel'],
  [183, 0, 'arm64'],
  [62, 0, 'amd64'],
] as const)('an ELF of machine %i with flags %i is %s', (machine, flags, wanted) => {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(flags, 36);
  expect(userlandAbi(header)).toBe(wanted);
});

test('a board of another kind is refused by its number', () => {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeUInt16LE(243, 18);
  expect(() => userlandAbi(header)).toThrow(/found machine 243 .*not supported/);
});

test('memory bounds the slots of a small board', () => {
  expect(slotsFor(4, 256 << 20)).toBe(2);
  expect(slotsFor(1, 512 << 20)).toBe(1);
  expect(slotsFor(4, 64 << 20)).toBe(1);
});

test('speed is measured within two seconds by six kernels', () => {
  const speed = measureSpeed();
  console.log(JSON.stringify(speed));
  expect(speed.kernels).toHaveLength(6);
  expect(speed.gigahertz).toBeGreaterThan(0);
  expect(speed.tookMs).toBeLessThan(10_000);
});

test('a status is read in a few milliseconds', () => {
  readStatus('/');
  const startedMs = performance.now();
  const status = readStatus('/');
  console.log(`status took ${(performance.now() - startedMs).toFixed(2)} ms`);
  expect(status.memoryAvailableBytes).toBeGreaterThan(0);
  expect(status.diskAvailableBytes).toBeGreaterThan(0);
});

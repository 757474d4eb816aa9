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

test.each([
  ['armv6l', 'armhf', 'model name : ARMv6-compatible processor rev 7', 'armv6l'],
  ['armv7l', 'armhf', 'model name : ARMv7 Processor rev 5', 'armv7l'],
  ['aarch64', 'armhf', '', 'armv7l'],
  ['aarch64', 'arm64', '', 'aarch64'],
  ['x86_64', 'amd64', '', 'x86_64'],
] as const)('%s with %s is told right', (machine, abi, cpuinfo, wanted) => {
  expect(architectureOf(machine, abi, cpuinfo)).toBe(wanted);
});

test.each([
  [40, 0x400, 'armhf'],
  [40, 0x200, 'armel'],
  [183, 0, 'arm64'],
] as const)('an ELF of machine %i with flags %i is %s', (machine, flags, wanted) => {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(flags, 36);
  expect(userlandAbi(header)).toBe(wanted);
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

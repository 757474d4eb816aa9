// What a node is: told once at enrolment. systeminformation starts many children and is asked here
// only; reports use status.ts.

import { closeSync, openSync, readFileSync, readSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, cpus, machine, release } from 'node:os';
import { system } from 'systeminformation';
import { memoryBytes } from './status.ts';

export type Architecture = 'armv6l' | 'armv7l' | 'aarch64' | 'x86_64';
export type UserlandAbi = 'armel' | 'armhf' | 'arm64' | 'amd64';

export interface Inventory {
  readonly model: string;
  readonly serial: string;
  /** What code may be built for: the userland's, not only the kernel's. */
  readonly architecture: Architecture;
  readonly abi: UserlandAbi;
  readonly kernel: string;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly coreCount: number;
  /** Tasks at once: one a core, and no more than memory allows at 64 MiB each. */
  readonly slotCount: number;
}

const memoryOfSlotBytes = 64 << 20;
/** For the system and the agent itself. */
const memoryReserveBytes = 128 << 20;

/** Takes the inventory; `diskPath` lies on the disk that tasks use. About 100 ms on a Pi. */
export async function takeInventory(diskPath: string): Promise<Inventory> {
  const board = await system();
  const disk = statfsSync(diskPath);
  const totalBytes = memoryBytes('MemTotal');
  const coreCount = countCores();
  const { model, architecture, abi } = readBoard();
  return {
    model: model ?? ([board.manufacturer, board.model].join(' ').trim() || 'unknown'),
    serial: board.serial === '-' ? '' : board.serial,
    ...{ architecture, abi },
    kernel: release(),
    memoryBytes: totalBytes,
    diskBytes: disk.blocks * disk.bsize,
    coreCount,
    slotCount: slotsFor(coreCount, totalBytes),
  };
}

/** What files tell of the board, at once. Throws where it is none that is supported. */
export function readBoard(): {
  /** null: it has no device tree, as a PC. */
  readonly model: string | null;
  readonly architecture: Architecture;
  readonly abi: UserlandAbi;
} {
  const abi = userlandAbi(readHead(process.execPath));
  const cpuinfo = readFileSync('/proc/cpuinfo', 'latin1');
  return { model: boardModel(), architecture: architectureOf(machineName(), abi, cpuinfo), abi };
}

/** At least one slot, at most one a core. */
export function slotsFor(coreCount: number, totalBytes: number): number {
  const fitting = Math.floor(memoryForTasks(totalBytes) / memoryOfSlotBytes);
  return Math.max(1, Math.min(coreCount, fitting));
}

/** What the system and the agent leave. */
export function memoryForTasks(totalBytes: number): number {
  return Math.max(0, totalBytes - memoryReserveBytes);
}

/**
 * The architecture that code for this userland may have. A 64-bit kernel with a 32-bit userland is
 * armv7l: its aarch64 code would find no libraries.
 */
export function architectureOf(
  kernelMachine: string,
  abi: UserlandAbi,
  cpuinfo: string,
): Architecture {
  if (abi === 'amd64') return 'x86_64';
  if (abi === 'arm64') return 'aarch64';
  const isArmv6 = kernelMachine === 'armv6l' || /ARMv6/.test(cpuinfo);
  return isArmv6 ? 'armv6l' : 'armv7l';
}

/**
 * The ABI from the first 52 bytes of an ELF file. Throws when it is none of the four that exist
 * here, naming the machine number found.
 */
export function userlandAbi(header: Buffer): UserlandAbi {
  const isElf = header.length >= 52 && header.readUInt32BE(0) === 0x7f454c46;
  const elfMachine = isElf ? header.readUInt16LE(18) : -1;
  if (elfMachine === 62) return 'amd64';
  if (elfMachine === 183) return 'arm64';
  // e_flags of ARM: EF_ARM_ABI_FLOAT_HARD.
  if (elfMachine === 40) return (header.readUInt32LE(36) & 0x400) !== 0 ? 'armhf' : 'armel';
  throw new Error(
    `userland: wanted ELF for arm, arm64 or amd64, found machine ${elfMachine} (${arch()}); ` +
      'this board is not supported',
  );
}

/** The number of this board, which no other has; null: it has none, as a PC or a virtual machine. */
export function readSerial(): string | null {
  try {
    const text = readFileSync('/proc/device-tree/serial-number', 'latin1')
      .replace(/\0/g, '')
      .trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}

function readHead(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(64);
    readSync(file, head, 0, 64, 0);
    return head;
  } finally {
    closeSync(file);
  }
}

function boardModel(): string | null {
  try {
    return readFileSync('/proc/device-tree/model', 'utf8').replace(/\0/g, '').trim();
  } catch {
    return null;
  }
}

function machineName(): string {
  return typeof machine === 'function' ? machine() : arch();
}

/** Node 18.0 to 18.13 has no availableParallelism. */
function countCores(): number {
  return typeof availableParallelism === 'function' ? availableParallelism() : cpus().length;
}

// Whether the programs of a bundle run on the machines that it is said to be for. Pure.

import { elfText, type Elf } from './elf.ts';
import type { BundleProgram } from './inspect.ts';

/** Tag_CPU_arch up to ARMv6KZ, which a Pi 1 and a Zero are; ARMv6T2 (8) they are not. */
const runsOnArmv6 = new Set([0, 1, 2, 3, 4, 5, 6, 7, 9]);
/** Up to ARMv7-A; those above are for microcontrollers, or 64-bit machines. */
const runsOnArmv7 = new Set([...runsOnArmv6, 8, 10]);

interface Wanted {
  readonly machine: string;
  readonly cpus: ReadonlySet<number> | null;
}

/** For each architecture that a bundle may name. */
const wants: Readonly<Record<string, Wanted>> = {
  armv6l: { machine: 'arm', cpus: runsOnArmv6 },
  armv7l: { machine: 'arm', cpus: runsOnArmv7 },
  aarch64: { machine: 'aarch64', cpus: null },
  x86_64: { machine: 'x86_64', cpus: null },
};

export interface BundleClaim {
  readonly architecture: string;
  readonly isRootFileSystem: boolean;
}

/** What is wrong with the first program that does not fit what the bundle is said to be, or null. */
export function misfit(claim: BundleClaim, programs: readonly BundleProgram[]): string | null {
  for (const { path, elf } of programs) {
    const problem = problemOf(claim, elf);
    if (problem !== null) return `${path}: ${problem}`;
  }
  return null;
}

function problemOf({ architecture, isRootFileSystem }: BundleClaim, elf: Elf): string | null {
  const wanted = wants[architecture];
  // Another architecture is refused by its name already.
  if (wanted === undefined) return null;
  const found = elfText(elf);
  const no = `wanted code for ${architecture}, found ${found}`;
  if (elf.machine !== wanted.machine) return `${no}: build it for ${architecture}`;
  if (elf.arm === null) return null;
  // Libraries of a distribution may have faster code that they choose at run time.
  const isJudged = elf.isProgram || !isRootFileSystem;
  const { cpu, float } = elf.arm;
  if (isJudged && cpu !== null && wanted.cpus?.has(cpu) === false) {
    return `${no}: ${remedyFor(architecture)}`;
  }
  if (float === 'soft' && elf.interpreter !== null && !isRootFileSystem) {
    return `wanted hard float, as Raspberry Pi OS (armhf) has, found ${found}: build it for armhf, link it statically, or make the bundle a whole root file system`;
  }
  return null;
}

function remedyFor(architecture: string): string {
  return architecture === 'armv6l'
    ? 'build it with -march=armv6kz -mfpu=vfp (as on Raspberry Pi OS), or name the bundle armv7l'
    : 'build it with -march=armv7-a';
}

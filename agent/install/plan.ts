// What is there → what an installation does, with reasons; or why it can't. Pure.

import type { Findings } from './findings.ts';

export type Step =
  | { readonly kind: 'packages'; readonly names: readonly string[]; readonly why: string }
  | { readonly kind: 'folder'; readonly path: string; readonly why: string }
  | { readonly kind: 'enrol'; readonly url: string; readonly why: string }
  | { readonly kind: 'start'; readonly unit: string; readonly why: string }
  | { readonly kind: 'apt'; readonly why: string };

export interface Refusal {
  readonly code:
    | 'not_root'
    | 'board'
    | 'memory'
    | 'disk'
    | 'node'
    | 'packages'
    | 'clock'
    | 'federation'
    | 'unreachable';
  /** What was wanted, what was found, what to do. */
  readonly reason: string;
}

export interface Fault {
  readonly wanted: string;
  readonly found: string;
  readonly todo: string;
}

export type Plan =
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] }
  | { readonly kind: 'steps'; readonly steps: readonly Step[] };

/** A 256 MB board has 190 MB beside its graphics; under this much it would swap to its SD card. */
export const leastMemoryBytes = 150e6;
/** The reserve that stays free (200 MB) and the disk of one task (100 MB). */
export const leastDiskBytes = 300e6;
/** Node.js 18 with its libraries, OpenVPN and bubblewrap, by the Installed-Size of Debian 12. */
export const packagesBytes = 110e6;
export const leastNodeMajor = 18;
/** Certificates are valid a day before they are made. */
export const mostClockErrorMs = 24 * 3_600_000;

export interface Wanted {
  readonly url: string;
  readonly stateFolder: string;
  /** Its owner wants packages through the site. */
  readonly isAptWanted: boolean;
}

/** All that forbids it at once, or the steps that are still to be done: none when all is done. */
export function planInstall(found: Findings, wanted: Wanted): Plan {
  const refusals = [
    ...judgeMachine(found),
    ...judgeRoom(found, wanted.stateFolder),
    ...judgePrograms(found),
    ...judgeFederation(found, wanted.url),
  ];
  return refusals.length > 0
    ? { kind: 'refused', refusals }
    : { kind: 'steps', steps: stepsFor(found, wanted) };
}

function stepsFor(found: Findings, { url, stateFolder, isAptWanted }: Wanted): readonly Step[] {
  const { missingPackages: names } = found;
  const steps: Step[] = [];
  if (names.length > 0) {
    steps.push({ kind: 'packages', names, why: 'the tunnel, the sandbox and the agent need them' });
  }
  if (!found.isFolderThere) {
    steps.push({ kind: 'folder', path: stateFolder, why: 'all that the agent keeps is in it' });
  }
  if (found.enrolled === null) {
    const why =
      'keys are made here and stay here; the federation signs them, and the token is used up';
    steps.push({ kind: 'enrol', url, why });
  }
  if (isAptWanted && !found.isAptTold) {
    const why =
      'each package crosses your line once for all Pis of the site; punnet-agent limits --apt off undoes it';
    steps.push({ kind: 'apt', why });
  }
  if (!found.hasUnits) return steps;
  // The other one too, since it starts nothing without a profile, which comes with the enrolment.
  const toStart = found.enrolled === null ? [...allUnits] : found.stoppedUnits;
  for (const unit of toStart) steps.push({ kind: 'start', unit, why: whys[unit] ?? '' });
  return steps;
}

const whys: Readonly<Record<string, string>> = {
  'punnet-overlay.service': 'the tunnel to the federation, if it has one',
  'punnet-overlay-restart.path': 'credentials of the tunnel are renewed without you',
  'punnet-agent.service': 'the agent takes tasks, now and after each start of this machine',
};
const allUnits = Object.keys(whys);

function judgeMachine({ isRoot, board, memoryBytes }: Findings): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (!isRoot) {
    const reason = 'wanted root, found another user: run the same command with sudo.';
    refusals.push({ code: 'not_root', reason });
  }
  if (board.architecture === null) {
    const reason = `wanted Linux on ARMv6, ARMv7, ARM64 or x86-64, found ${board.model}: tasks are built for no such machine.`;
    refusals.push({ code: 'board', reason });
  }
  if (memoryBytes < leastMemoryBytes) {
    const reason = `wanted ${megabytes(leastMemoryBytes)} of memory, found ${megabytes(memoryBytes)}: on an old Pi give the graphics less (gpu_mem=16 in /boot/config.txt), then start it again.`;
    refusals.push({ code: 'memory', reason });
  }
  return refusals;
}

function judgeRoom(found: Findings, folder: string): readonly Refusal[] {
  const { missingPackages, diskFreeBytes, enrolled } = found;
  // Its cache has filled the disk of a node that works, as it may.
  if (enrolled !== null && missingPackages.length === 0) return [];
  const leastBytes = leastDiskBytes + (missingPackages.length > 0 ? packagesBytes : 0);
  if (diskFreeBytes >= leastBytes) return [];
  const reason = `wanted ${megabytes(leastBytes)} free on the disk of ${folder}, found ${megabytes(diskFreeBytes)}: make room (sudo apt-get clean helps), or use a larger SD card.`;
  return [{ code: 'disk', reason }];
}

function judgePrograms({ node, missingPackages, hasApt }: Findings): readonly Refusal[] {
  const refusals: Refusal[] = [];
  const fault = node === null ? null : judgeNode(node);
  if (fault !== null) {
    const { wanted, found, todo } = fault;
    refusals.push({ code: 'node', reason: `wanted ${wanted}, found ${found}: ${todo}.` });
  }
  if (missingPackages.length > 0 && !hasApt) {
    const reason = `wanted ${missingPackages.join(', ')}, or an apt-get to install them with, found neither: install them by hand, then run this again.`;
    refusals.push({ code: 'packages', reason });
  }
  return refusals;
}

/** What is wrong with it; null: the agent can run on it. */
export function judgeNode({ file, version, problem }: NonNullable<Findings['node']>): Fault | null {
  const todo =
    'install the one of Raspberry Pi OS or Debian (sudo apt-get remove nodejs, then sudo apt-get install nodejs, without another source of it in /etc/apt/sources.list.d)';
  if (version === null && problem === 'SIGILL') {
    const found = `that ${file} dies with SIGILL (it was built for a newer one, as NodeSource's and nodejs.org's are for a Pi 1 or Zero)`;
    return { wanted: 'a Node.js for this CPU', found, todo };
  }
  if (version === null) {
    return { wanted: 'a Node.js that runs', found: `that ${file} ends with ${problem}`, todo };
  }
  if (Number(version.split('.')[0]) >= leastNodeMajor) return null;
  const wanted = `Node.js ${leastNodeMajor} or newer`;
  return { wanted, found: version, todo: 'use Raspberry Pi OS 12 or newer, or Debian 12' };
}

function judgeFederation({ federation }: Findings, url: string): readonly Refusal[] {
  if (federation === null) return [];
  if (federation.kind === 'silent') {
    const reason = `wanted an answer of ${url}, found ${federation.error}: check the address, and this machine's network.`;
    return [{ code: 'unreachable', reason }];
  }
  const { aheadMs, isPinned, issuer } = federation;
  const refusals: Refusal[] = [];
  if (!isPinned) {
    const reason = `wanted the federation that the token is for at ${url}, found a certificate of "${issuer}": check the address; a proxy or a virus scanner that opens TLS does this too, and must let this address pass.`;
    refusals.push({ code: 'federation', reason });
  }
  if (Math.abs(aheadMs) > mostClockErrorMs) {
    const reason = `wanted a clock that is right to the day, found it ${days(aheadMs)}: sudo timedatectl set-ntp true, wait a minute, then run this again.`;
    refusals.push({ code: 'clock', reason });
  }
  return refusals;
}

/** Such as "12 days behind". */
export function days(aheadMs: number): string {
  const count = Math.max(1, Math.round(Math.abs(aheadMs) / 86_400_000));
  return `${count} ${count === 1 ? 'day' : 'days'} ${aheadMs > 0 ? 'behind' : 'ahead'}`;
}

export function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}

// Finds what is on this machine: reads files, and asks programs for their versions. Changes nothing.

import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { readBoard } from '../adapters/probe/inventory.ts';
import { memoryBytes } from '../adapters/probe/status.ts';
import type { StateFolder } from '../adapters/state/state-folder.ts';
import { aptFiles } from './apt.ts';
import type { Board, FederationReading, Findings, NodeReading } from './findings.ts';
import { units } from './findings.ts';

/** Packages, and a program of each. */
const packages: Readonly<Record<string, string>> = {
  openvpn: 'openvpn',
  bubblewrap: 'bwrap',
  nftables: 'nft',
  iproute2: 'ip',
  'util-linux': 'setpriv',
};
const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'];
/** What the unit starts. */
const nodeFile = '/usr/bin/node';

/** @param federation what answers there; null: nobody needs to know. */
export function lookAround(state: StateFolder, federation: FederationReading | null): Findings {
  const node = readNode();
  const hasUnits = knowsUnits();
  return {
    isRoot: process.getuid?.() === 0,
    board: board(),
    memoryBytes: memoryBytes('MemTotal'),
    diskFreeBytes: diskFree(state.path),
    node: hasUnits ? node : null,
    missingPackages: missingPackages(),
    hasApt: isHere('apt-get'),
    hasUnits,
    stoppedUnits: hasUnits ? units.filter((unit) => !isActive(unit)) : [],
    enrolled: enrolledAs(state),
    isFolderThere: state.isThere,
    isAptTold: existsSync(aptFiles().snippet),
    federation,
  };
}

export function board(): Board {
  try {
    const { model, architecture } = readBoard();
    return { model: model ?? 'a machine that is no Pi', architecture };
  } catch (error) {
    return { model: (error as Error).message, architecture: null };
  }
}

/** The Node.js of the service; null: it is not here, and another one runs this. */
export function readNode(): NodeReading | null {
  if (!existsSync(nodeFile)) return null;
  const ran = spawnSync(nodeFile, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  const version = ran.status === 0 ? ran.stdout.trim() : null;
  return { file: nodeFile, version, problem: ran.signal ?? `code ${ran.status}` };
}

export function missingPackages(): readonly string[] {
  return Object.entries(packages)
    .filter(([, program]) => !isHere(program))
    .map(([name]) => name);
}

function isHere(program: string): boolean {
  return folders.some((folder) => existsSync(`${folder}/${program}`));
}

function knowsUnits(): boolean {
  return existsSync('/run/systemd/system') && call('systemctl', 'cat', ...units) === 0;
}

/** A unit whose condition does not hold is as good as started. */
function isActive(unit: string): boolean {
  if (call('systemctl', 'is-active', '--quiet', unit) === 0) return true;
  const shown = spawnSync('systemctl', [
    'show',
    '--value',
    '-p',
    'ConditionResult,UnitFileState',
    unit,
  ]);
  return /^(no\nenabled|enabled\nno)$/.test(shown.stdout.toString().trim());
}

function call(file: string, ...words: readonly string[]): number | null {
  return spawnSync(file, words, { stdio: 'ignore' }).status;
}

/** Of the nearest folder above it that is there. */
function diskFree(path: string): number {
  let folder = path;
  while (!existsSync(folder)) folder = dirname(folder);
  const disk = statfsSync(folder);
  // Root has a share of the disk that the agent will not have.
  return disk.bavail * disk.bsize;
}

function enrolledAs(state: StateFolder): string | null {
  if (!state.isThere) return null;
  try {
    const identity = state.readIdentity();
    return identity === null ? null : `${identity.nodeId} of ${identity.federation}`;
  } catch {
    // Not readable: whoever asks is not root, and refused. Damaged: the enrolment says so.
    return null;
  }
}

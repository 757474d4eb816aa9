// The unprivileged user that a task runs as, one for each attempt folder where root may choose.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

interface Range {
  readonly first: number;
  readonly count: number;
}

/** So many that two attempts of one machine never share a user: its processes can be ended by it. */
const wide: Range = { first: 0x7000_0000, count: 1 << 24 };
/** Above people and below nobody, for user namespaces of 65,536 ids. */
const narrow: Range = { first: 65_100, count: 400 };

const range = process.getuid?.() === 0 ? rangeIn(readMap()) : null;

/**
 * Whether the chain can change to a task user: root, and such users exist in our user namespace (in
 * many rootless containers they do not). It changes before bwrap, which started as root keeps
 * root's eyes and escapes nproc.
 */
export const canChangeUser = range !== null;

/** Whether no other attempt has this attempt's user. */
export const isUserOwn = range === wide;

/** Uid (and gid) of an attempt's task. */
export function taskUid(attemptFolder: string): number {
  const { first, count } = range ?? narrow;
  return first + (createHash('sha256').update(attemptFolder).digest().readUInt32BE(0) % count);
}

/** The widest range that a map of user ids (as in /proc/self/uid_map) holds. */
export function rangeIn(map: string): Range | null {
  const parts = map.trim().split('\n');
  const isMapped = ({ first, count }: Range): boolean =>
    parts.some((line) => {
      const [from = 0, , size = 0] = line.trim().split(/\s+/).map(Number);
      return from <= first && from + size >= first + count;
    });
  return [wide, narrow].find(isMapped) ?? null;
}

function readMap(): string {
  return readFileSync('/proc/self/uid_map', 'latin1');
}

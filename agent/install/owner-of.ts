// Whose folder a node's state is. Root hands what it is asked to that user: it then can't write what
// the agent could not read, nor follow where a file of the agent's leads.

import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Another user than root, seen by root; null: act as who we are. */
export function ownerOf(folder: string): User | null {
  if (process.getuid?.() !== 0) return null;
  const found = statSync(folder, { throwIfNoEntry: false });
  return found === undefined || found.uid === 0 ? null : { uid: found.uid, gid: found.gid };
}

/** Of /etc/passwd; null: there is no such user. */
export function userOf(name: string): User | null {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([each]) => each === name);
  return fields === undefined ? null : { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** This program again as that user, with these words. Returns its exit code. */
export function runAs(user: User, words: readonly string[], input?: string): number {
  const program = [...process.execArgv, process.argv[1] ?? '', ...words];
  const { status, error } = spawnSync(process.execPath, program, {
    ...user,
    cwd: '/',
    stdio: [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
    ...(input === undefined ? {} : { input }),
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

// What the last agent left on disk, as the core wants it.

import type { AdoptedAttempt } from '../../core/index.ts';
import type { Adopted, Sandbox } from '../sandbox/sandbox.ts';
import { readLease, readSent } from './attempt-record.ts';

/** @param nowMs the node's running time. */
export async function adoptAttempts(
  sandbox: Sandbox,
  nowMs: number,
): Promise<readonly AdoptedAttempt[]> {
  const adopted: AdoptedAttempt[] = [];
  for (const found of await sandbox.adopt()) {
    const attempt = toAttempt(sandbox, found, nowMs);
    if (attempt !== null) adopted.push(attempt);
    else await drop(sandbox, found);
  }
  return adopted;
}

function toAttempt(sandbox: Sandbox, found: Adopted, nowMs: number): AdoptedAttempt | null {
  const folder = sandbox.folderOf(found.leaseId);
  const record = readLease(folder);
  if (record === null) return null;
  const { lease, takenAtMs } = record;
  if (found.state === 'running') return { lease, phase: 'running' };
  const heldMs = Math.max(0, nowMs - takenAtMs);
  const sent = readSent(folder);
  if (sent !== null) return { lease, phase: 'sent', ...sent, heldMs };
  return { lease, phase: 'exited', exit: found.exit, heldMs };
}

/** Nobody knows whose it was: a torn folder. */
async function drop(sandbox: Sandbox, { leaseId, state }: Adopted): Promise<void> {
  // Its folder goes at the next start, when its shim has ended.
  if (state === 'running') sandbox.stop(leaseId, { code: 'cancelled', detail: 'cancelled' });
  else await sandbox.remove(leaseId);
}

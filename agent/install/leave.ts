// Takes this node out of its federation: ends its tasks, tells the scheduler if it can, and erases what
// the agent kept. Done again after it was interrupted, it goes on.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tellLeaving } from '../adapters/bus/tell-leaving.ts';
import { Sandbox } from '../adapters/sandbox/sandbox.ts';
import type { StateFolder } from '../adapters/state/state-folder.ts';

/** Tasks get SIGTERM first; a shim kills after five seconds. */
const endingMs = 20_000;

/**
 * As the user whose folder it is, while no agent runs. Throws AgentError when one does.
 *
 * @param isOnlyHere this is a copy of a node that stays: nothing is told.
 */
export async function leave(state: StateFolder, isOnlyHere: boolean): Promise<string> {
  if (!state.isThere || readdirSync(state.path).length === 0) {
    return 'This machine is in no federation. Nothing has changed.';
  }
  await state.lock(() => 'It leaves its federation.');
  await endTasks(state);
  const identity = state.readIdentity();
  const keys = state.readKeys();
  const isTold = identity !== null && keys !== null && !isOnlyHere;
  const why = isTold ? await tellLeaving(identity, keys) : null;
  for (const name of readdirSync(state.path)) {
    rmSync(join(state.path, name), { recursive: true, force: true });
  }
  const erased = `Keys, identity and all else in ${state.path} are erased.`;
  if (identity === null || isOnlyHere) return erased;
  const { nodeId, federation } = identity;
  return why === null
    ? `Node ${nodeId} has left ${federation}. ${erased}`
    : `${erased} ${federation} could not be told (${why}): its operator takes the node out with punnet node revoke ${nodeId}.`;
}

async function endTasks(state: StateFolder): Promise<void> {
  const sandbox = new Sandbox({ stateFolder: state.path });
  const running = new Set<number>();
  sandbox.onExit((leaseId) => running.delete(leaseId));
  for (const found of await sandbox.adopt()) {
    if (found.state !== 'running') continue;
    running.add(found.leaseId);
    sandbox.stop(found.leaseId, { code: 'owner', detail: 'its owner leaves the federation' });
  }
  for (let waitedMs = 0; running.size > 0 && waitedMs < endingMs; waitedMs += 200) await sleep(200);
  sandbox.close();
}

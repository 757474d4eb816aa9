// What nodes have to run and to send, the numbers of each node side by side in memory: of every node at
// a busy line, and of all when little waits, it is looked at again and again, and most have nothing new. Made when it
// is asked for, from the leases; `apply` says of which nodes these have changed.

import { isOfService } from '../../leases.ts';
import type { LeaseRecord, NodeRecord, State } from '../../state.ts';

/** Numbers of a task, one after another: since when it runs, its GHz·s, and bits of its result. */
export const taskLength = 3;
/** Stand for since when: it runs no more, or not yet. */
export const isSending = -1;
export const isStaged = -2;

const noTasks: readonly number[] = [];

export class NodeTasks {
  /** By number of the node. */
  readonly #known: (readonly number[] | undefined)[] = [];

  /** Leases of the node, or their phases, have changed. */
  changed(nodeNumber: number): void {
    if (nodeNumber < this.#known.length) this.#known[nodeNumber] = undefined;
  }

  /** Those that run or are being sent, and behind them those that wait for a slot, each as they were
   * leased. Replicas that run are not among them: they hold their slots for good. */
  of(state: State, node: NodeRecord): readonly number[] {
    if (node.leases.length === 0) return noTasks;
    const known = this.#known[node.number];
    if (known !== undefined) return known;
    const tasks = tasksOf(state, node);
    while (this.#known.length <= node.number) this.#known.push(undefined);
    this.#known[node.number] = tasks;
    return tasks;
  }
}

function tasksOf(state: State, node: NodeRecord): readonly number[] {
  const first: number[] = [];
  const staged: number[] = [];
  for (const lease of node.leases) {
    const { phase } = lease;
    if (phase === 'sending') add(first, isSending, lease);
    else if (node.serving > 0 && isOfService(state, lease)) continue;
    else if (phase === 'running') add(first, lease.phaseSince, lease);
    else add(staged, isStaged, lease);
  }
  return staged.length === 0 ? first : [...first, ...staged];
}

function add(tasks: number[], since: number, { workGhzSeconds, upBytes }: LeaseRecord): void {
  tasks.push(since, workGhzSeconds, 8 * upBytes);
}
